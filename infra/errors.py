"""Errors of building and deploying a stage."""


class InfraError(Exception):
    """A stage cannot be built or deployed; the text says what is wrong, where, and how to fix it."""
