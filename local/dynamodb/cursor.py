"""The tokens of an expression, one after the other, and the messages about them."""

from __future__ import annotations

from typing import TypeVar

from local.dynamodb.errors import DynamoError, validation
from local.dynamodb.tokens import Token, tokenize

MAX_BYTES = 4096
T = TypeVar("T")


class Cursor:
    """A position in the tokens of one expression; `kind` names the parameter in messages."""

    def __init__(self, kind: str, text: str) -> None:
        self._kind = kind
        self._text = text
        if not text.strip():
            raise self.error("The expression can not be empty;")
        size = len(text.encode())
        if size > MAX_BYTES:
            raise self.error(f"Expression size has exceeded the maximum allowed size; expression size: {size}")
        self.tokens = tokenize(text)
        self.at = 0

    def whole(self, parsed: T) -> T:
        """Return the parsed expression. Raises DynamoError if something follows it."""
        if self.token.kind != "end":
            raise self.syntax_error()
        return parsed

    @property
    def token(self) -> Token:
        """The token at the position."""
        return self.tokens[self.at]

    def take(self, text: str) -> None:
        """Consume a symbol or a keyword. Raises DynamoError if the token is another one."""
        if self.token.keyword != text:
            raise self.syntax_error()
        self.at += 1

    def take_one_of(self, kinds: frozenset[str]) -> Token:
        """Consume and return a token of one of the kinds. Raises DynamoError if it is of another kind."""
        token = self.token
        if token.kind not in kinds:
            raise self.syntax_error()
        self.at += 1
        return token

    def syntax_error(self) -> DynamoError:
        """Return the error for the present token; it shows the text from the token before to the one after."""
        token = self.token
        before = self.tokens[max(self.at - 1, 0)]
        after = self.tokens[min(self.at + 1, len(self.tokens) - 1)]
        near = self._text[before.start : after.end]
        return self.error(f'Syntax error; token: "{token.text}", near: "{near}"')

    def error(self, message: str) -> DynamoError:
        """Return the error for the expression."""
        return validation(f"Invalid {self._kind}: {message}")
