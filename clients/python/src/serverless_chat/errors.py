"""Errors of the client. None of them contains a token or the text of a message."""

from __future__ import annotations


class ChatError(Exception):
    """The base of all errors of this package."""


class ChatClosedError(ChatError):
    """The chat was closed before the answer. A stored outbox sends a message at the next start."""


class RefusedError(ChatError):
    """The server refuses a command or request for good.

    Attributes:
        code: The error code of the protocol, such as `MUTED` or `NOT_FOUND`.
        status: The status of an HTTP response; None for a command on the WebSocket.
        conversation_id: The conversation of a command on the WebSocket.
        client_message_id: Of a message that was refused; None for an edit, a deletion or a reaction.
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int | None = None,
        *,
        conversation_id: str | None = None,
        client_message_id: str | None = None,
    ) -> None:
        super().__init__(f"{message} ({code})")
        self.code, self.status = code, status
        self.conversation_id, self.client_message_id = conversation_id, client_message_id


class UnavailableError(ChatError):
    """The server did not answer, or could not, after several attempts."""


class DiscardedError(ChatError):
    """The user discarded or deleted a message before it was in the log."""


class StorageInUseError(ChatError):
    """Another process uses the stored outbox of this participant."""
