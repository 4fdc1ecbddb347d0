"""Exporting the data of a participant: all conversations that they are or were in, and all their messages.

Conversations are ordered by id, and messages by the log, so that changes between two pages do not matter. Nothing
that others wrote is included, and of a conversation that the participant has left, nothing but their messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.core.conversations.blocks import block_view
from chalicelib.core.conversations.own_reactions import OwnReactions
from chalicelib.core.conversations.prices import stored_price
from chalicelib.core.kernel import json_codec, paging
from chalicelib.core.kernel.clock import rfc3339
from chalicelib.core.log.reading import SLACK, ReadBudget, stored_size
from chalicelib.core.model.actors import Principal
from chalicelib.core.model.conversations import ConversationDetails, ConversationState, Head, Membership
from chalicelib.core.model.events import Event
from chalicelib.core.model.privacy import DataLocation
from chalicelib.core.ports.consent import BlockStore, PendingStore
from chalicelib.core.ports.conversations import ConversationStore
from chalicelib.core.ports.event_log import EventLogStore
from chalicelib.core.ports.memberships import MembershipStore
from chalicelib.core.ports.privacy import ErasureStore
from chalicelib.core.ports.rate_limits import Charge
from chalicelib.core.protocol.report_serializers import own_report
from chalicelib.core.protocol.serializers import pending_membership, personal_state, profile

if TYPE_CHECKING:
    from chalicelib.core.ports.profiles import ProfileStore
    from chalicelib.core.ports.reports import ReportStore
    from chalicelib.core.protocol.queries import ExportQuery

EVENTS_PER_PAGE = 1_000
"""Events of any author that are read for a page; that takes a second or two."""
MAX_PAGE_BYTES = 512 * 1024
"""Far below the 6 MB that a Lambda function may return (quotas): in the local cloud, encoding a page blocks all
other requests, for 25 to 40 ms at 2 MB."""
BLOCKS_PER_PAGE = 1_000
REPORTS_PER_PAGE = 200
"""Their reasons have up to 4 KB each."""
PENDING_PER_PAGE = 1_000
"""More pending memberships than a participant can see."""
_BLOCKS = "#"
"""The beginning of a position among the blocks. It is below that of the reports and all conversation ids."""
_REPORTS = "$"
"""The beginning of a position among the reports."""
_MEMBERS_ONLY_FIELDS = ("reactions", "version")
"""Fields of a message that only members of its conversation may see."""


class Export:
    """Exports the data of participants."""

    def __init__(
        self,
        *,
        erasures: ErasureStore,
        conversations: ConversationStore,
        event_log: EventLogStore,
        memberships: MembershipStore,
        blocks: BlockStore,
        pending: PendingStore,
        reports: ReportStore,
        profiles: ProfileStore,
        own_reactions: OwnReactions,
        charge: Charge,
    ) -> None:
        self._erasures = erasures
        self._conversations = conversations
        self._event_log = event_log
        self._memberships = memberships
        self._blocks = blocks
        self._pending = pending
        self._reports = reports
        self._profiles = profiles
        self._own_reactions = own_reactions
        self._charge = charge

    def page(self, caller: Principal, query: ExportQuery) -> dict[str, Any]:
        """Return the next page, with the cursor of the following one if there is one.

        Raises ValidationFailed, RateLimited.
        """
        page = self._page(caller, query)
        # Not counted in the size of a page: a few bytes for each reaction.
        page["messages"] = self._own_reactions.mark(caller, page["messages"])
        return page

    def _page(self, caller: Principal, query: ExportQuery) -> dict[str, Any]:
        first_id, after = "", 0
        if query.cursor is not None:
            conversation_id, position = paging.decode(query.cursor, str, int)
            first_id, after = str(conversation_id), int(position)
        page = _Page(caller)
        if not first_id:
            entries, _ = self._pending.visible(caller.participant_id, None, PENDING_PER_PAGE)
            page.answer["pending"] = [pending_membership(entry) for entry in entries]
            page.answer["creations"] = [
                {
                    "conversation_id": record.conversation_id,
                    "created_at": rfc3339(record.created_at),
                    "expires_at": rfc3339(1000 * record.expires_at),
                }
                for record in self._conversations.creations(caller.participant_id)
            ]
            shown = self._profiles.profile(caller.participant_id)
            if shown is not None:
                page.answer["participant"]["profile"] = profile(shown)
        if not first_id or first_id.startswith(_BLOCKS):
            after_block = first_id.removeprefix(_BLOCKS) or None
            blocks, next_block = self._blocks.blocks(caller.participant_id, after_block, BLOCKS_PER_PAGE)
            page.answer["blocks"] = [block_view(block) for block in blocks]
            if next_block is not None:
                return page.up_to(f"{_BLOCKS}{next_block}", 0)
        if first_id[:1] <= _REPORTS:
            after_report = first_id.removeprefix(_REPORTS) if first_id.startswith(_REPORTS) else None
            reports, next_report = self._reports.copies(caller.participant_id, after_report, REPORTS_PER_PAGE)
            page.answer["reports"] = [own_report(copy) for copy in reports]
            if next_report is not None:
                return page.up_to(f"{_REPORTS}{next_report}", 0)
        locations = self._erasures.data_locations(caller.participant_id)
        rest = [location for location in locations if location.conversation_id >= first_id]
        self._charge(caller, stored_price("GET /me/export", min(len(rest), EVENTS_PER_PAGE)))
        for location in rest:
            conversation_id = location.conversation_id
            if page.is_full:
                return page.up_to(conversation_id, 0)
            stopped_at = self._add_conversation(page, location, after if conversation_id == first_id else 0)
            if stopped_at is not None:
                return page.up_to(conversation_id, stopped_at)
        return page.answer

    def _add_conversation(self, page: _Page, location: DataLocation, after: int) -> int | None:
        """Add one conversation to a page; return the position to continue at, None at its end."""
        conversation_id, messages = location.conversation_id, page.answer["messages"]
        head = self._event_log.head(conversation_id)
        if head is None or head.state is ConversationState.DELETED:
            return None
        if after < head.sequence_id and not page.count(head, after + 1):
            return after
        first = len(messages)
        stopped_at = self._add_messages(page, head, after)
        details = self._conversations.details(conversation_id) if location.is_member and not after else None
        member = None
        if location.is_member:
            # After everything that only a member may see (`conversations/access.py`).
            member = self._memberships.membership(conversation_id, page.caller.participant_id)
        if member is None:
            messages[first:] = map(_for_past_member, messages[first:])
        if not after and stopped_at != 0:  # otherwise the next page begins with it
            page.answer["conversations"].append(_summary(head, member, details))
        return stopped_at

    def _add_messages(self, page: _Page, head: Head, after: int) -> int | None:
        """Add the messages of one conversation to a page; return the same."""
        position = after
        while position < head.sequence_id:
            count = page.count(head, position + 1)
            first = position
            for stored in self._event_log.events(head.conversation_id, first + 1, first + count):
                # A gap is a commit in progress, which the next page contains.
                if stored.event["sequence_id"] != position + 1:
                    return position
                if not page.take(stored.current, stored_size(stored)):
                    return position
                position += 1
            if position < first + count or not count:
                return position
        return None


class _Page:
    """A page that is being filled."""

    def __init__(self, caller: Principal) -> None:
        self.caller = caller
        self.answer: dict[str, Any] = {
            "participant": {"participant_id": caller.participant_id},
            "conversations": [],
            "blocks": [],
            "pending": [],
            "reports": [],
            "creations": [],
            "messages": [],
        }
        self._events_left = EVENTS_PER_PAGE
        self._bytes_left = MAX_PAGE_BYTES
        self._may_read = SLACK

    @property
    def is_full(self) -> bool:
        """Return whether no more events are to be read for this page."""
        return self._events_left <= 0 or self._may_read <= 0

    def count(self, head: Head, first: int) -> int:
        """Return how many events to read from `first` on; 0 if the page is full."""
        most = min(head.sequence_id - first + 1, self._events_left)
        if self.is_full:
            return 0
        budget = ReadBudget(head, self._may_read, is_filtered=True)
        budget.queries = int(self._events_left < EVENTS_PER_PAGE)  # at least one event on every page
        return budget.count(first, 1, most)

    def take(self, event: Event, read: int) -> bool:
        """Add an event if it is a message of the caller; return False if there is no room for it.

        `read` are the bytes that were read for it.
        """
        self._events_left -= 1
        self._may_read -= read
        if event["type"] == "message" and event["sender"]["participant_id"] == self.caller.participant_id:
            size = json_codec.size(event)
            if size > self._bytes_left and self.answer["messages"]:
                return False
            self._bytes_left -= size
            self._may_read += 2 * size
            self.answer["messages"].append(event)
        return True

    def up_to(self, conversation_id: str, position: int) -> dict[str, Any]:
        """Return the page, with a cursor for the next one, which begins after that position."""
        return self.answer | {"next_cursor": paging.encode(conversation_id, position)}


def _summary(head: Head, member: Membership | None, details: ConversationDetails | None) -> dict[str, Any]:
    """Return the entry of a conversation."""
    if member is None or details is None or head.state is not ConversationState.LIVE:
        return {"conversation_id": head.conversation_id, "is_participant": False}
    return {
        "conversation_id": head.conversation_id,
        "is_participant": True,
        "title": details.title,
        "created_at": rfc3339(details.created_at),
        "name": member.name,
        "role": member.role,
        "joined_at": rfc3339(member.joined_at),
        "read_up_to": member.read_up_to,
        "me": personal_state(member),
        **({"direct": True} if head.direct else {}),
    }


def _for_past_member(event: Event) -> Event:
    return {name: value for name, value in event.items() if name not in _MEMBERS_ONLY_FIELDS}
