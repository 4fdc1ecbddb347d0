"""Standings and pending memberships on DynamoDB. Appends and creations change them, too."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from chalicelib.aws.dynamodb.append_steps import require_member_op
from chalicelib.aws.dynamodb.consent_keys import (
    HIDDEN_PREFIX,
    INVITED_PREFIX,
    PENDING_PREFIX,
    block_key,
    invited_key,
    invited_prefix,
    standing_key,
)
from chalicelib.aws.dynamodb.dynamo import Dynamo
from chalicelib.aws.dynamodb.keys import (
    ban_key,
    conversation_pk,
    membership_key,
    participant_pk,
)
from chalicelib.aws.dynamodb.membership_items import membership_from_item
from chalicelib.aws.dynamodb.pending_items import (
    hidden_to_item,
    keys_of,
    pending_from_item,
    pending_to_items,
    standing_from_item,
)
from chalicelib.aws.dynamodb.standings import change_standing_op
from chalicelib.aws.dynamodb.table import Table, chunks, parallel_batch_get
from chalicelib.core.kernel.concurrency import Gather
from chalicelib.core.model.consent import PendingMembership, Standing
from chalicelib.core.model.conversations import Membership
from chalicelib.core.ports.consent import Consent
from chalicelib.core.ports.revocations import RevocationStore

_LEAST_READ = 100
"""Items that a page reads at least, so that a few expired ones do not make it shorter."""
_ERASE_BATCH = 25
"""Items that are erased in one batch; each has one more in its conversation."""


class DynamoPending:
    """The `PendingStore` port."""

    def __init__(self, dynamo: Dynamo, table: str, revocations: RevocationStore, gather: Gather) -> None:
        """`table` is the name of the conversations table."""
        self._dynamo = dynamo
        self._table = Table(dynamo, table)
        self._revocations = revocations
        self._gather = gather

    # ---- standings -------------------------------------------------------------------------------------

    def consents(self, adder_id: str, participant_ids: Sequence[str]) -> dict[str, Consent]:
        """Return the consent of each of these participants: three items each.

        A block changes the standing, too, on which the addition is conditional. One BatchGetItem could show that
        standing, and the block not yet: only its individual reads are serializable with a transaction (Developer
        Guide, "Isolation levels for DynamoDB transactions"). So another one reads the blocks, afterwards.
        """
        found, rules = self._gather(
            lambda: parallel_batch_get(self._table, self._gather, list(map(standing_key, participant_ids))),
            lambda: self._revocations.rules_of(participant_ids),
        )
        blocks = parallel_batch_get(
            self._table, self._gather, [block_key(person, adder_id) for person in participant_ids]
        )
        items = {(item["pk"], item["sk"]): item for item in (*found, *blocks)}
        return {
            person: Consent(
                standing_from_item(person, items.get(standing_key(person))),
                block_key(person, adder_id) in items,
                rules[person],
            )
            for person in participant_ids
        }

    def standing(self, participant_id: str) -> Standing:
        """Return a standing."""
        return standing_from_item(participant_id, self._table.get(*standing_key(participant_id)))

    def correct(self, standing: Standing) -> bool:
        """Replace the counts of a standing; return False if it has another version."""
        change = self._table.update_op(
            *standing_key(standing.participant_id),
            "SET #own = :own, #added = :added, #pending = :pending, #counted_at = :at ADD #version :one",
            "#version = :version",
            own=standing.own,
            added=standing.added,
            pending=standing.pending,
            at=standing.counted_at,
            version=standing.version,
            one=1,
        )
        return self._dynamo.try_transact([change])

    # ---- writes ----------------------------------------------------------------------------------------

    def save(self, entry: PendingMembership, adder: Membership, standing: Standing, *, is_visible: bool) -> bool:
        """Save a pending membership: the same operations whether or not it is visible."""
        table = self._table
        names = (entry.conversation_id, entry.participant_id)
        visible, hidden, _ = keys_of(entry)
        own_item, conversation_item = pending_to_items(entry, is_visible=is_visible)
        return self._dynamo.try_transact(
            [
                table.put_op(own_item),
                table.delete_op(*(hidden if is_visible else visible)),
                table.put_op(conversation_item),
                change_standing_op(table, standing, "pending", by=int(is_visible)),
                require_member_op(table, adder, role=True),
                table.condition_op(*membership_key(*names), "attribute_not_exists(#pk)"),
                table.condition_op(*ban_key(*names), "attribute_not_exists(#pk)"),
            ]
        )

    def hide(self, entry: PendingMembership) -> bool:
        """Replace the item of the participant by a hidden one."""
        visible, _, _ = keys_of(entry)
        return self._dynamo.try_transact(
            [
                self._table.delete_op(*visible, "attribute_exists(#pk)"),
                self._table.put_op(hidden_to_item(entry)),
            ]
        )

    def withdraw(self, entry: PendingMembership, by: Membership) -> bool:
        """Delete all items of a pending membership."""
        visible, hidden, invited = keys_of(entry)
        return self._dynamo.try_transact(
            [
                self._table.delete_op(*invited, "attribute_exists(#pk)"),
                self._table.delete_op(*visible),
                self._table.delete_op(*hidden),
                *([] if by.is_service else [require_member_op(self._table, by, role=True)]),
            ]
        )

    def erase_pending(self, participant_id: str) -> None:
        """Delete all pending memberships of a participant, visible and hidden ones."""
        for prefix in (PENDING_PREFIX, HIDDEN_PREFIX):
            items = list(self._table.query(participant_pk(participant_id), prefix=prefix, include_expired=True))
            for batch in chunks(items, _ERASE_BATCH):
                names = [(item["conversation_id"], participant_id, item["adder_id"]) for item in batch]
                self._table.batch_delete([invited_key(*each) for each in names])
                self._table.batch_delete([(item["pk"], item["sk"]) for item in batch])

    # ---- reads -----------------------------------------------------------------------------------------

    def visible(
        self, participant_id: str, after: str | None, limit: int
    ) -> tuple[list[PendingMembership], str | None]:
        """Return a page of the pending memberships that a participant sees, by conversation id."""
        return self._page(participant_pk(participant_id), PENDING_PREFIX, after, limit)

    def visible_in(self, conversation_id: str, participant_id: str) -> list[PendingMembership]:
        """Return those of one conversation."""
        prefix = f"{PENDING_PREFIX}{conversation_id}#"
        items = self._table.query(participant_pk(participant_id), prefix=prefix)
        return [pending_from_item(item) for item in items]

    def invited(
        self, conversation_id: str, after: str | None, limit: int
    ) -> tuple[list[PendingMembership], str | None]:
        """Return a page of all pending memberships in a conversation, in no meaningful order."""
        return self._page(conversation_pk(conversation_id), INVITED_PREFIX, after, limit)

    def invited_participant(self, conversation_id: str, participant_id: str) -> list[PendingMembership]:
        """Return all pending memberships of a participant in a conversation."""
        items = self._table.query(conversation_pk(conversation_id), prefix=invited_prefix(participant_id))
        return [pending_from_item(item) for item in items]

    def with_visible(
        self, conversation_id: str, key: str
    ) -> tuple[list[PendingMembership], list[PendingMembership]]:
        """Return those whose key begins with `key`, and those that their participants see: a request more each."""
        items = self._table.query(conversation_pk(conversation_id), prefix=f"{INVITED_PREFIX}{key}")
        entries = [pending_from_item(item) for item in items]
        reads = [functools.partial(self._table.get, *keys_of(entry)[0]) for entry in entries]
        found = self._gather(*reads) if reads else []
        return entries, [pending_from_item(item) for item in found if item is not None]

    def adders(self, entries: Sequence[PendingMembership]) -> dict[tuple[str, str], Membership]:
        """Return the memberships of those who made these additions."""
        keys = [membership_key(entry.conversation_id, entry.adder_id) for entry in entries]
        members = map(membership_from_item, parallel_batch_get(self._table, self._gather, keys))
        return {(member.conversation_id, member.participant_id): member for member in members}

    def _page(
        self, pk: str, prefix: str, after: str | None, limit: int
    ) -> tuple[list[PendingMembership], str | None]:
        items, next_after = self._table.page(pk, prefix, after, limit, least_read=_LEAST_READ)
        return [pending_from_item(item) for item in items], next_after
