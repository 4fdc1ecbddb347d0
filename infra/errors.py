"""What goes wrong while a stage is built, said to a person."""


class InfraError(Exception):
    """A stage cannot be built; the text says what is wrong, where, and what to do."""
