"""What can go wrong, as clients see it: one tree, one code and one HTTP status a class.

    ChatError
    ├── InvalidJson, ValidationFailed, UnknownCommand      400  the request is at fault
    ├── Unauthorized, TokenExpired                         401  the credential is at fault
    ├── Forbidden, Muted                                   403  a participant without the right to it
    ├── NotFound                                           404  not there, or not yours: never told apart
    ├── AlreadyParticipant, ParticipantLimit, LastOwner,
    │   Banned, ErasureRunning                             409  the state forbids it
    ├── TooLarge                                           413
    ├── RateLimited                                        429  retry after `retry_after`
    ├── Internal                                           500  our fault; says nothing but the request id
    └── Unavailable, ConversationBusy                      503  retry after `retry_after`

A message of an error never repeats what the client sent.
"""

from __future__ import annotations

from typing import ClassVar, NotRequired, TypedDict


class Problem(TypedDict):
    """One thing that is wrong with a request: where, and what."""

    path: str
    problem: str


class ErrorBody(TypedDict):
    """The `error` object of an HTTP answer."""

    code: str
    message: str
    details: NotRequired[list[Problem]]
    retry_after: NotRequired[float]


class ChatError(Exception):
    """Base of everything that a client is told. `retry_after` is in seconds."""

    code: ClassVar[str] = "INTERNAL"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    default_message: ClassVar[str] = "Something went wrong on our side."

    def __init__(
        self,
        message: str | None = None,
        *,
        details: list[Problem] | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.message = message or self.default_message
        self.details = details
        self.retry_after = retry_after
        super().__init__(self.message)

    def body(self) -> ErrorBody:
        """The error as it stands in an answer, without the request id."""
        body: ErrorBody = {"code": self.code, "message": self.message}
        if self.details:
            body["details"] = self.details
        if self.retry_after is not None:
            body["retry_after"] = self.retry_after
        return body


class InvalidJson(ChatError):
    """The body or frame is no JSON that we accept."""

    code, status = "INVALID_JSON", 400
    default_message = "The request is not valid JSON."


class ValidationFailed(ChatError):
    """Well-formed JSON of the wrong shape; `details` says where."""

    code, status = "VALIDATION_FAILED", 400
    default_message = "The request has the wrong shape."

    @classmethod
    def at(cls, path: str, problem: str) -> ValidationFailed:
        """One problem at one place."""
        return cls(details=[{"path": path, "problem": problem}])


class UnknownCommand(ChatError):
    """A frame whose `type` is no command."""

    code, status = "UNKNOWN_COMMAND", 400
    default_message = "There is no such command."


class Unauthorized(ChatError):
    """No credential, or one that does not hold."""

    code, status = "UNAUTHORIZED", 401
    default_message = "A valid credential is needed."


class TokenExpired(ChatError):
    """The token of a live socket has expired; an `auth` command with a new one helps."""

    code, status = "TOKEN_EXPIRED", 401
    default_message = "The token of this socket has expired: send `auth` with a new one."


class Forbidden(ChatError):
    """A participant, but without the right to do this."""

    code, status = "FORBIDDEN", 403
    default_message = "Your role does not allow this."


class Muted(ChatError):
    """A participant who may read and say nothing, for `retry_after` seconds yet."""

    code, status = "MUTED", 403
    default_message = "You are muted in this conversation: read on, and write again when the mute ends."


class NotFound(ChatError):
    """Not there, or not the caller's: the two look the same."""

    code, status = "NOT_FOUND", 404
    default_message = "Not found."


class AlreadyParticipant(ChatError):
    """The person is in the conversation already."""

    code, status = "ALREADY_PARTICIPANT", 409
    default_message = "This person is a participant already."


class ParticipantLimit(ChatError):
    """The conversation is full."""

    code, status = "PARTICIPANT_LIMIT", 409
    default_message = "The conversation has as many participants as it may have."


class LastOwner(ChatError):
    """The only owner cannot give up the role without making somebody else owner first."""

    code, status = "LAST_OWNER", 409
    default_message = "The last owner must make somebody else owner first."


class Banned(ChatError):
    """The person is banned: nobody adds them before the ban is lifted."""

    code, status = "BANNED", 409
    default_message = "This person is banned from the conversation: lift the ban first."


class ErasureRunning(ChatError):
    """The caller has asked to be erased, and that is not done yet."""

    code, status = "ERASURE_RUNNING", 409
    default_message = "Your data is being erased: you can join and create conversations when that is done."


class TooLarge(ChatError):
    """More bytes than are accepted."""

    code, status = "TOO_LARGE", 413
    default_message = "The request is too large."


class RateLimited(ChatError):
    """More messages than the participant's rate allows."""

    code, status, retryable = "RATE_LIMITED", 429, True
    default_message = "Too many messages: slow down."


class Internal(ChatError):
    """A defect of ours. The answer carries no detail but the request id."""

    retryable = True


class Unavailable(ChatError):
    """A part we need did not answer; nothing was acknowledged, so repeating is safe."""

    code, status, retryable = "UNAVAILABLE", 503, True
    default_message = "The service cannot be reached at the moment: try again."


class ConversationBusy(ChatError):
    """Too many writers at once in one conversation; nothing was written for this request."""

    code, status, retryable = "CONVERSATION_BUSY", 503, True
    default_message = "The conversation is busy: try again."
