"""Errors of the guard's configuration.

LocalError
└── IamError
    └── UnresolvedReference   an intrinsic function refers to an unknown name
"""

from local.errors import LocalError


class IamError(LocalError):
    """The guard's configuration is invalid; the text explains the problem."""


class UnresolvedReference(IamError):
    """An intrinsic function refers to a name without a value, or is unsupported."""
