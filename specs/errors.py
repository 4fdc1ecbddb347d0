"""The error of the generator."""


class SpecsError(Exception):
    """The code has something without a description or an example. The message names it, with advice."""
