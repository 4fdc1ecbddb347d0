"""The errors that clients see, by status, with a code for each. A message never contains what the client sent."""

from __future__ import annotations

from typing import Any, ClassVar

REVOKED = "The token has been revoked: sign in again."
"""The message of Unauthorized for a revoked token."""
Problem = dict[str, str]
"""One thing that is wrong with a request: the `path` of the field, and the `problem`."""


class ChatError(Exception):
    """The base of all errors that a client receives. `retry_after` is in seconds."""

    code: ClassVar[str] = "INTERNAL"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    default_message: ClassVar[str] = "An internal error occurred."

    def __init__(
        self,
        message: str | None = None,
        *,
        details: list[Problem] | None = None,
        retry_after: float | None = None,
        is_failure: bool | None = None,
    ) -> None:
        self.message = message or self.default_message
        self.details = details
        self.retry_after = retry_after
        self.is_failure = self.status >= 500 if is_failure is None else is_failure
        """Whether the server failed, which is logged; false if a client can cause the error at will."""
        super().__init__(self.message)

    def body(self) -> dict[str, Any]:
        """Return the error as an object of a response, without the request id."""
        body: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.details:
            body["details"] = self.details
        if self.retry_after is not None:
            body["retry_after"] = self.retry_after
        return body


class InvalidJson(ChatError):
    """The body or frame is not valid JSON."""

    code, status = "INVALID_JSON", 400
    default_message = "The request is not valid JSON."


class ValidationFailed(ChatError):
    """The request is valid JSON, but does not match the schema; `details` names the fields."""

    code, status = "VALIDATION_FAILED", 400
    default_message = "The request has invalid fields."

    @classmethod
    def at(cls, path: str, problem: str) -> ValidationFailed:
        """Return the error for one problem of one field."""
        return cls(details=[{"path": path, "problem": problem}])


class UnknownCommand(ChatError):
    """The `type` of the frame is not a command."""

    code, status = "UNKNOWN_COMMAND", 400
    default_message = "Unknown command."


class Unauthorized(ChatError):
    """The credential is missing or invalid."""

    code, status = "UNAUTHORIZED", 401
    default_message = "A valid credential is required."


class TokenExpired(ChatError):
    """The token of the connection has expired; send `auth` with a new one."""

    code, status = "TOKEN_EXPIRED", 401
    default_message = "The token of this connection has expired: send `auth` with a new one."


class Forbidden(ChatError):
    """The participant does not have the right to do this."""

    code, status = "FORBIDDEN", 403
    default_message = "Your role does not allow this."


class Suspended(ChatError):
    """The participant is suspended: their tokens are accepted again when that is lifted."""

    code, status = "SUSPENDED", 403
    default_message = "You are suspended from this chat."


class Muted(ChatError):
    """The participant is muted for another `retry_after` seconds: reading is allowed, writing is not."""

    code, status = "MUTED", 403
    default_message = "You are muted in this conversation until the mute ends."


class NotAccepted(ChatError):
    """The other participant has not accepted the direct conversation: no further messages until then."""

    code, status = "NOT_ACCEPTED", 403
    default_message = "Wait until the other participant has accepted the conversation."


class RefusedByHook(ChatError):
    """The hook of the deployment refused this, for the reason in `message`; a repeat would be refused as well."""

    code, status = "REFUSED_BY_HOOK", 403
    default_message = "This chat does not allow this."


class NotFound(ChatError):
    """The resource does not exist, or the caller may not see it: both look the same."""

    code, status = "NOT_FOUND", 404
    default_message = "Not found."


class MethodNotAllowed(ChatError):
    """The path does not have the method. API Gateway answers with it (`infra/mock_responses.json`)."""

    code, status = "METHOD_NOT_ALLOWED", 405
    default_message = "This path does not have this method; the header Allow lists those that it has."


class AlreadyParticipant(ChatError):
    """The person is already a participant of the conversation."""

    code, status = "ALREADY_PARTICIPANT", 409
    default_message = "This person is already a participant."


class ParticipantLimit(ChatError):
    """The conversation has the maximum number of participants."""

    code, status = "PARTICIPANT_LIMIT", 409
    default_message = "The conversation has the maximum number of participants."


class ConversationLimit(ChatError):
    """The participant is in the maximum number of conversations."""

    code, status = "CONVERSATION_LIMIT", 409
    default_message = "You are in the maximum number of conversations: leave one first."


class LastOwner(ChatError):
    """The only owner must make another participant an owner first."""

    code, status = "LAST_OWNER", 409
    default_message = "You are the last owner: make another participant an owner first."


class Banned(ChatError):
    """The person is banned: lift the ban before adding them."""

    code, status = "BANNED", 409
    default_message = "This person is banned from the conversation: lift the ban first."


class Blocked(ChatError):
    """The caller blocks the other participant: lift the block first."""

    code, status = "BLOCKED", 409
    default_message = "You block this participant: lift the block first."


class ErasureRunning(ChatError):
    """The erasure of the caller's data has not finished."""

    code, status = "ERASURE_RUNNING", 409
    default_message = "Your data is being erased: join or create conversations when that has finished."


class PositionUnknown(ChatError):
    """The request names a position of another history, or beyond the head: load the conversation anew."""

    code, status = "POSITION_UNKNOWN", 409
    default_message = "The log has no such position: load the conversation again."

    def __init__(
        self, message: str | None = None, *, history_id: str = "", head: int | None = None, **options: Any
    ) -> None:
        super().__init__(message, **options)
        self.history_id = history_id
        self.head = head

    def body(self) -> dict[str, Any]:
        """Return the error with the present history id, and the head if it was read."""
        head = {} if self.head is None else {"head": self.head}
        return {**super().body(), "history_id": self.history_id, **head}


class TooLarge(ChatError):
    """The request has more bytes than allowed."""

    code, status = "TOO_LARGE", 413
    default_message = "The request is too large."


class IdempotencyKeyReused(ChatError):
    """The idempotency key was used for another request in the last 24 hours."""

    code, status = "IDEMPOTENCY_KEY_REUSED", 422
    default_message = "This idempotency key was used for another request: use a new one."


class RateLimited(ChatError):
    """The participant sends faster than the rate limit allows."""

    code, status, retryable = "RATE_LIMITED", 429, True
    default_message = "Too many messages: slow down."


class Internal(ChatError):
    """A defect of the service. The answer has no details but the request id."""

    retryable = True


class Unavailable(ChatError):
    """A service that this one depends on did not answer. Nothing was acknowledged, so a retry is safe."""

    code, status, retryable = "UNAVAILABLE", 503, True
    default_message = "The service is temporarily unavailable: try again."


class ConversationBusy(ChatError):
    """Too many participants write to the conversation at once. Nothing was written; retry."""

    code, status, retryable = "CONVERSATION_BUSY", 503, True
    default_message = "The conversation is busy: try again."


class NotAttempted(ChatError):
    """A command of a batch that was not begun. Nothing was written for it; retry."""

    code, status, retryable = "NOT_ATTEMPTED", 503, True
    default_message = "Not attempted, because of an earlier error in this conversation or for lack of time."
