"""Errors of building and deploying a stage."""


class InfraError(Exception):
    """A stage cannot be built or deployed; the text names the problem, its place and its solution."""
