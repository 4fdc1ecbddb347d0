"""What can be wrong with what a guard is given.

LocalError
└── IamError
    ├── InvalidStatement      a statement that is malformed, or says what the guard does not evaluate
    └── UnresolvedReference   an intrinsic function that refers to what nobody has named
"""

from local.errors import LocalError


class IamError(LocalError):
    """The guard cannot do its work with this; the text says with what, and why."""


class InvalidStatement(IamError):
    """A statement has not the shape of a policy statement, or a field that is not evaluated here."""


class UnresolvedReference(IamError):
    """An intrinsic function of CloudFormation refers to a name without a value, or is not one of those known."""
