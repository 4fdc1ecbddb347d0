"""One row of the list of conversations."""

from __future__ import annotations

from dataclasses import dataclass

from .outputs import JsonObject


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation in the list."""

    conversation_id: str
    title: str
    unread_count: int
    read_up_to: int
    head: int
    created_at: str
    last_message: JsonObject | None = None
    """The newest message; long texts may be cut, and then have `truncated: true`."""
    direct: bool = False
    """Whether it is the direct conversation with another participant: then the title is empty."""
    other: JsonObject | None = None
    """The other participant of a direct conversation: `participant_id`, `name`, `type`, perhaps `avatar_url`."""
    message_count: int = 0
    pinned: bool = False
    archived: bool = False
    """Whether its unread messages do not count in the total."""

    @property
    def name(self) -> str:
        """The title, or the name of the other participant of a direct conversation, or nothing."""
        return self.title or str((self.other or {}).get("name") or "")

    @property
    def latest(self) -> str:
        """The time by which rows are sorted."""
        return self.last_message["created_at"] if self.last_message else self.created_at


def row_of(conversation: JsonObject) -> Row:
    """Return the row of an entry of a page, or of `conversation_added`."""
    state = conversation.get("me") or {}
    return Row(
        conversation_id=conversation["conversation_id"],
        title=conversation.get("title") or "",
        unread_count=conversation.get("unread_count") or 0,
        read_up_to=conversation.get("read_up_to") or 0,
        head=conversation.get("head") or 0,
        created_at=conversation.get("created_at") or "",
        last_message=conversation.get("last_message"),
        direct=conversation.get("direct") is True,
        other=conversation.get("other"),
        message_count=conversation.get("message_count") or 0,
        pinned=state.get("pinned") is True,
        archived=state.get("archived") is True,
    )
