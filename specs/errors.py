"""What stops the generator."""


class SpecsError(Exception):
    """The code holds something that nobody has described; the text says what, and where to describe it."""
