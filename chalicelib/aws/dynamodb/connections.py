"""The connections table: sockets, what they hear, and what else lives for minutes. All of it expires.

    pk                sk                   one item each
    X#<connection>    CONNECTION             socket: whose it is, until when its token holds, when it was heard
    X#<connection>    S#<conversation>     what it has subscribed to, kept while it is taken for gone
    C#<conversation>  S#<connection>       subscription: who is to hear an event
    C#<conversation>  T#<participant>      that somebody was said to be writing
    C#<conversation>  D#<participant>      that the last socket of somebody went, which nobody was told yet
    U#<participant>   X#<connection>       reachable socket of a person
    U#<participant>   RATE                 how much of their message rate a person has used
    U#<participant>   K#<hash>             that there was a ticket of theirs
    K#<hash>          TICKET               socket ticket

A socket has a **generation**. Whoever takes it for gone (API Gateway answered 410, which can be wrong)
does so for the generation it has seen, and when the socket speaks again it begins a new one: what was
still being cleared away for the old one cannot harm the new.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chalicelib.aws.dynamodb.conversation_items import member_key
from chalicelib.aws.dynamodb.table import (
    MAX_BATCH_GET,
    ConditionFailed,
    Dynamo,
    Item,
    Operation,
    TransactionCancelled,
    chunks,
)
from chalicelib.core.model.connections import Connection, Subscription
from chalicelib.core.ports.commits import WriteConflict
from chalicelib.core.ports.rate_limits import RateLimitDecision

MAX_CONNECTION_SECONDS = 2 * 3600 + 600
"""API Gateway ends a connection after two hours (quotas for WebSocket APIs); some minutes more for clocks."""
RATE_SECONDS = 24 * 3600
TYPING_SECONDS = 600


class DynamoConnections:
    """`core.ports.ConnectionStore` on DynamoDB."""

    def __init__(self, dynamo: Dynamo, table: str, conversations_table: str) -> None:
        self._dynamo = dynamo
        self._table = dynamo.table(table)
        self._conversations = dynamo.table(conversations_table)

    # ---- sockets ---------------------------------------------------------------------------------------

    def open(self, connection: Connection) -> None:
        """Keep a new socket."""
        self._table.put(
            {
                "pk": f"X#{connection.connection_id}",
                "sk": "CONNECTION",
                "connection_id": connection.connection_id,
                "participant_id": connection.participant_id,
                "name": connection.name,
                "token_expires_at": connection.token_expires_at,
                "connected_at": connection.connected_at,
                "last_seen": connection.last_seen,
                "generation": connection.generation,
                "is_active": connection.is_active,
                "is_stale": connection.is_stale,
                "expires_at": _connection_expiry(connection.connected_at),
            }
        )

    def get(self, connection_id: str) -> Connection | None:
        """A socket."""
        item = self._table.get(f"X#{connection_id}", "CONNECTION")
        return None if item is None else _connection(item)

    def get_many(self, connection_ids: Sequence[str]) -> dict[str, Connection]:
        """Those of these sockets that are there."""
        items: list[Item] = []
        for some in chunks(connection_ids, MAX_BATCH_GET):
            items += self._dynamo.batch_get([(self._table.name, f"X#{each}", "CONNECTION") for each in some])
        return {item["connection_id"]: _connection(item) for item in items}

    def touch(self, connection: Connection, last_seen: int) -> None:
        """Note that it was heard."""
        try:
            self._table.update(
                f"X#{connection.connection_id}",
                "CONNECTION",
                "SET #last_seen = :last_seen",
                "attribute_exists(#pk)",
                last_seen=last_seen,
            )
        except ConditionFailed:
            return

    def activate(self, connection: Connection, *, generation: int) -> bool:
        """Let its participant be reached by it."""
        update = self._table.update_op(
            f"X#{connection.connection_id}",
            "CONNECTION",
            "SET #is_active = :yes, #is_stale = :no, #generation = :generation, #last_seen = :last_seen",
            "#generation <= :generation",
            yes=True,
            no=False,
            generation=generation,
            last_seen=connection.last_seen,
        )
        index = {
            "pk": f"U#{connection.participant_id}",
            "sk": f"X#{connection.connection_id}",
            "connection_id": connection.connection_id,
            "participant_id": connection.participant_id,
            "generation": generation,
            "token_expires_at": connection.token_expires_at,
            "subscribed_at": connection.connected_at,
            "expires_at": _connection_expiry(connection.connected_at),
        }
        return self._transact([update, self._table.put_op(index)])

    def revive(self, connection_id: str, generation: int) -> bool:
        """Begin a new generation of a socket that was taken for gone; it stays so until it is reachable."""
        try:
            self._table.update(
                f"X#{connection_id}",
                "CONNECTION",
                "SET #generation = :generation",
                "#generation <= :generation AND #is_stale = :yes",
                generation=generation,
                yes=True,
            )
        except ConditionFailed:
            return False
        return True

    def mark_stale(
        self, connection_id: str, generation: int, participant_id: str = ""
    ) -> list[Subscription] | None:
        """Take a socket for gone: nobody posts to it any more. What it hears again if it speaks stays noted.

        This ends the generation, so that a revival under way does not take the socket for back in the end.
        """
        try:
            old = self._table.update(
                f"X#{connection_id}",
                "CONNECTION",
                "SET #is_stale = :yes, #generation = #generation + :one",
                "#generation = :generation",
                yes=True,
                one=1,
                generation=generation,
            )
        except ConditionFailed as failed:
            if failed.item is None:
                # Somebody began to close it and did not get to the end: nothing else would clear this away soon.
                return self._clear(connection_id, participant_id)
            # It has spoken since; or somebody took it for gone, and may not have got to the end of this.
            self._drop_generation(connection_id, failed.item["participant_id"], generation)
            return None
        owner = participant_id if old is None else old["participant_id"]
        return self._drop_generation(connection_id, owner, generation)

    def _drop_generation(self, connection_id: str, owner: str, generation: int) -> list[Subscription]:
        """Nobody posts to the socket of this generation any more; what it was subscribed to."""
        subscriptions = self.subscriptions_of_connection(connection_id)
        self._drop_item(f"U#{owner}", f"X#{connection_id}", generation)
        for each in subscriptions:
            self._drop_item(f"C#{each.conversation_id}", f"S#{connection_id}", generation)
        return subscriptions

    def close(self, connection_id: str) -> tuple[Connection | None, list[Subscription]]:
        """Forget a socket: itself first, so that no subscription can be added behind our back."""
        item = self._table.delete(f"X#{connection_id}", "CONNECTION")
        subscriptions = self._clear(connection_id, "" if item is None else item["participant_id"])
        return (None if item is None else _connection(item)), subscriptions

    def _clear(self, connection_id: str, participant_id: str) -> list[Subscription]:
        """Remove all that is left of a socket; what it was subscribed to."""
        subscriptions = self.subscriptions_of_connection(connection_id)
        keys = [(f"X#{connection_id}", f"S#{each.conversation_id}") for each in subscriptions]
        keys += [(f"C#{each.conversation_id}", f"S#{connection_id}") for each in subscriptions]
        owners = {participant_id, *(each.participant_id for each in subscriptions)} - {""}
        keys += [(f"U#{owner}", f"X#{connection_id}") for owner in owners]
        self._dynamo.batch_delete([(self._table.name, *each) for each in keys])
        return subscriptions

    def refresh_token(self, connection: Connection, token_expires_at: int, name: str | None) -> bool:
        """Note a new token, at the socket first: what is subscribed from then on has it from there."""
        change = "SET #token_expires_at = :until"
        values: dict[str, Any] = {"until": token_expires_at}
        named = "" if name is None else ", #name = :name"
        try:
            self._table.update(
                f"X#{connection.connection_id}",
                "CONNECTION",
                change + named,
                "attribute_exists(#pk)",
                **values,
                **({} if name is None else {"name": name}),
            )
        except ConditionFailed:
            return False
        places = [(f"U#{connection.participant_id}", f"X#{connection.connection_id}")]
        for each in self.subscriptions_of_connection(connection.connection_id):
            places.append((f"X#{connection.connection_id}", f"S#{each.conversation_id}"))
            places.append((f"C#{each.conversation_id}", f"S#{connection.connection_id}"))
        for place in places:
            try:
                self._table.update(*place, change, "attribute_exists(#pk)", **values)
            except ConditionFailed:
                continue
        return True

    def active_connections_of(self, participant_id: str) -> list[Subscription]:
        """The reachable sockets of a person."""
        return [_subscription(item) for item in self._table.query(f"U#{participant_id}", prefix="X#")]

    # ---- subscriptions ---------------------------------------------------------------------------------

    def subscribe(self, subscription: Subscription, *, reviving: bool = False) -> bool:
        """Let a socket hear a conversation, in one transaction with the two conditions for it."""
        connection_id, conversation_id = subscription.connection_id, subscription.conversation_id
        content = {
            "conversation_id": conversation_id,
            "connection_id": connection_id,
            "participant_id": subscription.participant_id,
            "epoch": subscription.epoch,
            "generation": subscription.generation,
            "token_expires_at": subscription.token_expires_at,
            "subscribed_at": subscription.subscribed_at,
            "expires_at": _connection_expiry(subscription.subscribed_at),
        }
        return self._transact(
            [
                self._conversations.condition_op(
                    *member_key(conversation_id, subscription.participant_id),
                    "#epoch = :epoch",
                    epoch=subscription.epoch,
                ),
                self._table.condition_op(
                    f"X#{connection_id}",
                    "CONNECTION",
                    "#generation = :generation AND #is_stale = :is_stale",
                    generation=subscription.generation,
                    is_stale=reviving,
                ),
                self._table.put_op({"pk": f"X#{connection_id}", "sk": f"S#{conversation_id}"} | content),
                self._table.put_op({"pk": f"C#{conversation_id}", "sk": f"S#{connection_id}"} | content),
            ]
        )

    def unsubscribe(self, connection_id: str, conversation_id: str) -> None:
        """End that, for the fan-out and for the socket in one: half a subscription would be heard of no more."""
        self._transact(
            [
                self._table.delete_op(f"X#{connection_id}", f"S#{conversation_id}"),
                self._table.delete_op(f"C#{conversation_id}", f"S#{connection_id}"),
            ]
        )

    def subscriptions_of_connection(self, connection_id: str) -> list[Subscription]:
        """What a socket has subscribed to, also while it is taken for gone."""
        return [_subscription(item) for item in self._table.query(f"X#{connection_id}", prefix="S#")]

    def subscribers(self, conversation_id: str) -> list[Subscription]:
        """Who hears a conversation."""
        return [_subscription(item) for item in self._table.query(f"C#{conversation_id}", prefix="S#")]

    def _drop_item(self, pk: str, sk: str, generation: int) -> None:
        try:
            self._table.delete(pk, sk, "#generation <= :generation", generation=generation)
        except ConditionFailed:
            return

    def unsubscribe_participant(self, conversation_id: str, participant_id: str, before: int) -> None:
        """End all subscriptions of one person under memberships that began before this event."""
        for each in self.subscribers(conversation_id):
            if each.participant_id != participant_id:
                continue
            for place in (
                (f"X#{each.connection_id}", f"S#{conversation_id}"),
                (f"C#{conversation_id}", f"S#{each.connection_id}"),
            ):
                try:
                    self._table.delete(*place, "#epoch < :before", before=before)
                except ConditionFailed:
                    continue

    def unsubscribe_all(self, conversation_id: str) -> None:
        """Nobody hears this conversation any more."""
        everything = [
            (self._table.name, pk, sk)
            for each in self.subscribers(conversation_id)
            for pk, sk in (
                (f"C#{conversation_id}", f"S#{each.connection_id}"),
                (f"X#{each.connection_id}", f"S#{conversation_id}"),
            )
        ]
        self._dynamo.batch_delete(everything)

    def _transact(self, operations: list[Operation]) -> bool:
        try:
            self._dynamo.transact(operations)
        except TransactionCancelled as cancelled:
            if cancelled.is_conflict:
                raise WriteConflict from cancelled
            return False
        return True

    # ---- forgetting somebody ---------------------------------------------------------------------------

    def delete_participant(self, participant_id: str) -> None:
        """Remove all that lies under somebody's id, and what that leads to."""
        pk = f"U#{participant_id}"
        for item in self._table.query(pk, expired=True):
            sk = item["sk"]
            if sk.startswith("X#"):
                self.close(sk.removeprefix("X#"))
            keys = [(self._table.name, sk, "TICKET")] if sk.startswith("K#") else []
            self._dynamo.batch_delete([*keys, (self._table.name, pk, sk)])

    def delete_ephemeral(self, conversation_id: str, participant_id: str) -> None:
        """Remove that somebody was said to be writing, and that they went."""
        keys = [(f"C#{conversation_id}", f"{kind}#{participant_id}") for kind in "TD"]
        self._dynamo.batch_delete([(self._table.name, *each) for each in keys])

    # ---- tickets, rates, who is writing, who went ------------------------------------------------------

    def save_ticket(self, key: str, connection: Connection, expires_at: int) -> None:
        """Keep who a ticket is for. An erasure finds it by a note under the person, which is made first."""
        note = {"pk": f"U#{connection.participant_id}", "sk": f"K#{key}", "expires_at": expires_at}
        self._table.put(note)
        self._table.put(
            {
                "pk": f"K#{key}",
                "sk": "TICKET",
                "participant_id": connection.participant_id,
                "name": connection.name,
                "token_expires_at": connection.token_expires_at,
                "expires_at": expires_at,
            }
        )

    def redeem_ticket(self, key: str, now: int) -> Connection | None:
        """Redeem a ticket: the delete gives it to exactly one caller."""
        item = self._table.delete(f"K#{key}", "TICKET")
        if item is None or item["expires_at"] <= now:
            return None
        return Connection("", item["participant_id"], item.get("name"), item["token_expires_at"], 0, 0)

    def try_acquire(self, participant_id: str, now: int, *, interval: int, burst: int) -> RateLimitDecision:
        """Whether one more message is within the rate.

        The generic cell rate algorithm (ITU-T I.371): one time is kept, at which all that was sent would have
        been sent at an even pace. Who is behind it by less than the burst may send. For somebody who is not
        in a burst, which is the usual case, the one write here both asks and pays.
        """
        pk = f"U#{participant_id}"
        try:
            self._table.update(
                pk,
                "RATE",
                "SET #tat = :next, #expires_at = :expires_at",
                "attribute_not_exists(#pk) OR #tat <= :now",
                next=now + interval,
                now=now,
                expires_at=now // 1000 + RATE_SECONDS,
            )
        except ConditionFailed as failed:
            tat: int = (failed.item or {}).get("tat", now)
            excess = tat + interval - (now + burst * interval)
            allowed = excess <= 0
            return RateLimitDecision(allowed, retry_after=max(excess, 0) / 1000, charge_pending=allowed)
        return RateLimitDecision(allowed=True)

    def charge(self, participant_id: str, *, interval: int) -> None:
        """Pay for a message that came out of the burst."""
        self._table.update(f"U#{participant_id}", "RATE", "ADD #tat :interval", interval=interval)

    def start_typing(self, conversation_id: str, participant_id: str, now: int, *, interval: int) -> bool:
        """Whether a push is due, decided by one conditional write."""
        try:
            self._table.update(
                f"C#{conversation_id}",
                f"T#{participant_id}",
                "SET #said_at = :now, #is_typing = :yes, #expires_at = :expires_at",
                "attribute_not_exists(#pk) OR #said_at <= :due",
                now=now,
                due=now - interval,
                yes=True,
                expires_at=now // 1000 + TYPING_SECONDS,
            )
        except ConditionFailed:
            return False
        return True

    def stop_typing(self, conversation_id: str, participant_id: str) -> bool:
        """Whether a push is due, decided by one conditional write."""
        try:
            self._table.update(
                f"C#{conversation_id}",
                f"T#{participant_id}",
                "SET #is_typing = :no",
                "#is_typing = :yes",
                yes=True,
                no=False,
            )
        except ConditionFailed:
            return False
        return True

    def record_pending_offline(self, conversation_id: str, participant_id: str, batch_id: str, now: int) -> None:
        """Note that somebody went, for as long as a socket that listened then can last."""
        self._table.update(
            f"C#{conversation_id}",
            f"D#{participant_id}",
            "SET #participant_id = :participant_id, #mark = :mark, #left_at = :now, #expires_at = :expires_at",
            participant_id=participant_id,
            mark=batch_id,
            now=now,
            expires_at=_connection_expiry(now),
        )

    def cancel_pending_offline(self, conversation_id: str, participant_id: str) -> int | None:
        """Remove the note of somebody's going; the delete gives it to one caller."""
        item = self._table.delete(f"C#{conversation_id}", f"D#{participant_id}")
        return None if item is None else int(item["left_at"])

    def claim_pending_offline(self, conversation_id: str, batch_id: str) -> list[str]:
        """Remove the notes under this mark; who went again since has one under another."""
        pk, taken = f"C#{conversation_id}", []
        for item in self._table.query(pk, prefix="D#"):
            if item["mark"] != batch_id:
                continue
            try:
                self._table.delete(pk, item["sk"], "#mark = :mark", mark=batch_id)
            except ConditionFailed:
                continue
            taken.append(str(item["participant_id"]))
        return taken


def _connection_expiry(opened_at: int) -> int:
    return opened_at // 1000 + MAX_CONNECTION_SECONDS


def _connection(item: Item) -> Connection:
    return Connection(
        connection_id=item["connection_id"],
        participant_id=item["participant_id"],
        name=item.get("name"),
        token_expires_at=item["token_expires_at"],
        connected_at=item["connected_at"],
        last_seen=item["last_seen"],
        generation=item["generation"],
        is_active=item["is_active"],
        is_stale=item["is_stale"],
    )


def _subscription(item: dict[str, Any]) -> Subscription:
    return Subscription(
        conversation_id=item.get("conversation_id", ""),
        connection_id=item["connection_id"],
        participant_id=item["participant_id"],
        epoch=item.get("epoch", 0),
        generation=item["generation"],
        token_expires_at=item["token_expires_at"],
        subscribed_at=item["subscribed_at"],
    )
