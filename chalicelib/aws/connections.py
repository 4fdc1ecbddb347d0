"""The connections table: sockets, what they hear, and what else lives for minutes. All of it expires.

    pk                sk                   one item each
    X#<connection>    SOCKET               socket: whose it is, until when its token holds, when it was heard
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

from chalicelib.core.model import RateVerdict, Socket, Subscription
from chalicelib.core.ports import Contended

from .conversation_items import member_key
from .dynamo import MAX_BATCH_GET, ConditionFailed, Dynamo, Item, Operation, TransactionCancelled, chunks

MAX_SOCKET_SECONDS = 2 * 3600 + 600
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

    def open(self, socket: Socket) -> None:
        """Keep a new socket."""
        self._table.put(
            {
                "pk": f"X#{socket.connection_id}",
                "sk": "SOCKET",
                "connection_id": socket.connection_id,
                "participant_id": socket.participant_id,
                "name": socket.name,
                "token_expires_at": socket.token_expires_at,
                "connected_at": socket.connected_at,
                "last_seen": socket.last_seen,
                "generation": socket.generation,
                "reachable": socket.reachable,
                "gone": socket.gone,
                "expires_at": _socket_expiry(socket.connected_at),
            }
        )

    def socket(self, connection_id: str) -> Socket | None:
        """A socket."""
        item = self._table.get(f"X#{connection_id}", "SOCKET")
        return None if item is None else _socket(item)

    def sockets(self, connection_ids: Sequence[str]) -> dict[str, Socket]:
        """Those of these sockets that are there."""
        items: list[Item] = []
        for some in chunks(connection_ids, MAX_BATCH_GET):
            items += self._dynamo.batch_get([(self._table.name, f"X#{each}", "SOCKET") for each in some])
        return {item["connection_id"]: _socket(item) for item in items}

    def touch(self, socket: Socket, last_seen: int) -> None:
        """Note that it was heard."""
        try:
            self._table.update(
                f"X#{socket.connection_id}",
                "SOCKET",
                "SET #last_seen = :last_seen",
                "attribute_exists(#pk)",
                last_seen=last_seen,
            )
        except ConditionFailed:
            return

    def make_reachable(self, socket: Socket, *, generation: int) -> bool:
        """Let its participant be reached by it."""
        update = self._table.update_op(
            f"X#{socket.connection_id}",
            "SOCKET",
            "SET #reachable = :yes, #gone = :no, #generation = :generation, #last_seen = :last_seen",
            "#generation <= :generation",
            yes=True,
            no=False,
            generation=generation,
            last_seen=socket.last_seen,
        )
        index = {
            "pk": f"U#{socket.participant_id}",
            "sk": f"X#{socket.connection_id}",
            "connection_id": socket.connection_id,
            "participant_id": socket.participant_id,
            "generation": generation,
            "token_expires_at": socket.token_expires_at,
            "since": socket.connected_at,
            "expires_at": _socket_expiry(socket.connected_at),
        }
        return self._transact([update, self._table.put_op(index)])

    def revive(self, connection_id: str, generation: int) -> bool:
        """Begin a new generation of a socket that was taken for gone; it stays so until it is reachable."""
        try:
            self._table.update(
                f"X#{connection_id}",
                "SOCKET",
                "SET #generation = :generation",
                "#generation <= :generation AND #gone = :yes",
                generation=generation,
                yes=True,
            )
        except ConditionFailed:
            return False
        return True

    def mark_gone(
        self, connection_id: str, generation: int, participant_id: str = ""
    ) -> list[Subscription] | None:
        """Take a socket for gone: nobody posts to it any more. What it hears again if it speaks stays noted.

        This ends the generation, so that a revival under way does not take the socket for back in the end.
        """
        try:
            old = self._table.update(
                f"X#{connection_id}",
                "SOCKET",
                "SET #gone = :yes, #generation = #generation + :one",
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
        subscriptions = self.remembered(connection_id)
        self._drop_item(f"U#{owner}", f"X#{connection_id}", generation)
        for each in subscriptions:
            self._drop_item(f"C#{each.conversation_id}", f"S#{connection_id}", generation)
        return subscriptions

    def close(self, connection_id: str) -> tuple[Socket | None, list[Subscription]]:
        """Forget a socket: itself first, so that no subscription can be added behind our back."""
        item = self._table.delete(f"X#{connection_id}", "SOCKET")
        subscriptions = self._clear(connection_id, "" if item is None else item["participant_id"])
        return (None if item is None else _socket(item)), subscriptions

    def _clear(self, connection_id: str, participant_id: str) -> list[Subscription]:
        """Remove all that is left of a socket; what it was subscribed to."""
        subscriptions = self.remembered(connection_id)
        keys = [(f"X#{connection_id}", f"S#{each.conversation_id}") for each in subscriptions]
        keys += [(f"C#{each.conversation_id}", f"S#{connection_id}") for each in subscriptions]
        owners = {participant_id, *(each.participant_id for each in subscriptions)} - {""}
        keys += [(f"U#{owner}", f"X#{connection_id}") for owner in owners]
        self._dynamo.batch_delete([(self._table.name, *each) for each in keys])
        return subscriptions

    def renew(self, socket: Socket, token_expires_at: int, name: str | None) -> bool:
        """Note a new token, at the socket first: what is subscribed from then on has it from there."""
        change = "SET #token_expires_at = :until"
        values: dict[str, Any] = {"until": token_expires_at}
        named = "" if name is None else ", #name = :name"
        try:
            self._table.update(
                f"X#{socket.connection_id}",
                "SOCKET",
                change + named,
                "attribute_exists(#pk)",
                **values,
                **({} if name is None else {"name": name}),
            )
        except ConditionFailed:
            return False
        places = [(f"U#{socket.participant_id}", f"X#{socket.connection_id}")]
        for each in self.remembered(socket.connection_id):
            places.append((f"X#{socket.connection_id}", f"S#{each.conversation_id}"))
            places.append((f"C#{each.conversation_id}", f"S#{socket.connection_id}"))
        for place in places:
            try:
                self._table.update(*place, change, "attribute_exists(#pk)", **values)
            except ConditionFailed:
                continue
        return True

    def sockets_of(self, participant_id: str) -> list[Subscription]:
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
            "since": subscription.since,
            "expires_at": _socket_expiry(subscription.since),
        }
        return self._transact(
            [
                self._conversations.check_op(
                    *member_key(conversation_id, subscription.participant_id),
                    "#epoch = :epoch",
                    epoch=subscription.epoch,
                ),
                self._table.check_op(
                    f"X#{connection_id}",
                    "SOCKET",
                    "#generation = :generation AND #gone = :gone",
                    generation=subscription.generation,
                    gone=reviving,
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

    def remembered(self, connection_id: str) -> list[Subscription]:
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

    def drop_participant(self, conversation_id: str, participant_id: str, before: int) -> None:
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

    def drop_all(self, conversation_id: str) -> None:
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
            if cancelled.contended:
                raise Contended from cancelled
            return False
        return True

    # ---- forgetting somebody ---------------------------------------------------------------------------

    def forget(self, participant_id: str) -> None:
        """Remove all that lies under somebody's id, and what that leads to."""
        pk = f"U#{participant_id}"
        for item in self._table.query(pk, expired=True):
            sk = item["sk"]
            if sk.startswith("X#"):
                self.close(sk.removeprefix("X#"))
            keys = [(self._table.name, sk, "TICKET")] if sk.startswith("K#") else []
            self._dynamo.batch_delete([*keys, (self._table.name, pk, sk)])

    def forget_signs(self, conversation_id: str, participant_id: str) -> None:
        """Remove that somebody was said to be writing, and that they went."""
        keys = [(f"C#{conversation_id}", f"{kind}#{participant_id}") for kind in "TD"]
        self._dynamo.batch_delete([(self._table.name, *each) for each in keys])

    # ---- tickets, rates, who is writing, who went ------------------------------------------------------

    def put_ticket(self, key: str, socket: Socket, expires_at: int) -> None:
        """Keep who a ticket is for. An erasure finds it by a note under the person, which is made first."""
        note = {"pk": f"U#{socket.participant_id}", "sk": f"K#{key}", "expires_at": expires_at}
        self._table.put(note)
        self._table.put(
            {
                "pk": f"K#{key}",
                "sk": "TICKET",
                "participant_id": socket.participant_id,
                "name": socket.name,
                "token_expires_at": socket.token_expires_at,
                "expires_at": expires_at,
            }
        )

    def take_ticket(self, key: str, now: int) -> Socket | None:
        """Redeem a ticket: the delete gives it to exactly one caller."""
        item = self._table.delete(f"K#{key}", "TICKET")
        if item is None or item["expires_at"] <= now:
            return None
        return Socket("", item["participant_id"], item.get("name"), item["token_expires_at"], 0, 0)

    def rate(self, participant_id: str, now: int, *, interval: int, burst: int) -> RateVerdict:
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
                "SET #paced_until = :next, #expires_at = :expires_at",
                "attribute_not_exists(#pk) OR #paced_until <= :now",
                next=now + interval,
                now=now,
                expires_at=now // 1000 + RATE_SECONDS,
            )
        except ConditionFailed as failed:
            paced_until: int = (failed.item or {}).get("paced_until", now)
            excess = paced_until + interval - (now + burst * interval)
            return {"allowed": excess <= 0, "retry_after": max(excess, 0) / 1000, "owed": excess <= 0}
        return {"allowed": True, "retry_after": 0.0, "owed": False}

    def charge(self, participant_id: str, *, interval: int) -> None:
        """Pay for a message that came out of the burst."""
        self._table.update(f"U#{participant_id}", "RATE", "ADD #paced_until :interval", interval=interval)

    def begin_typing(self, conversation_id: str, participant_id: str, now: int, *, every: int) -> bool:
        """Whether a push is due, decided by one conditional write."""
        try:
            self._table.update(
                f"C#{conversation_id}",
                f"T#{participant_id}",
                "SET #said_at = :now, #is_typing = :yes, #expires_at = :expires_at",
                "attribute_not_exists(#pk) OR #said_at <= :due",
                now=now,
                due=now - every,
                yes=True,
                expires_at=now // 1000 + TYPING_SECONDS,
            )
        except ConditionFailed:
            return False
        return True

    def end_typing(self, conversation_id: str, participant_id: str) -> bool:
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


    def note_departure(self, conversation_id: str, participant_id: str, mark: str, now: int) -> None:
        """Note that somebody went, for as long as a socket that listened then can last."""
        self._table.update(
            f"C#{conversation_id}",
            f"D#{participant_id}",
            "SET #participant_id = :participant_id, #mark = :mark, #left_at = :now, #expires_at = :expires_at",
            participant_id=participant_id,
            mark=mark,
            now=now,
            expires_at=_socket_expiry(now),
        )

    def take_departure(self, conversation_id: str, participant_id: str) -> int | None:
        """Remove the note of somebody's going; the delete gives it to one caller."""
        item = self._table.delete(f"C#{conversation_id}", f"D#{participant_id}")
        return None if item is None else int(item["left_at"])

    def take_departures(self, conversation_id: str, mark: str) -> list[str]:
        """Remove the notes under this mark; who went again since has one under another."""
        pk, taken = f"C#{conversation_id}", []
        for item in self._table.query(pk, prefix="D#"):
            if item["mark"] != mark:
                continue
            try:
                self._table.delete(pk, item["sk"], "#mark = :mark", mark=mark)
            except ConditionFailed:
                continue
            taken.append(str(item["participant_id"]))
        return taken


def _socket_expiry(since: int) -> int:
    return since // 1000 + MAX_SOCKET_SECONDS


def _socket(item: Item) -> Socket:
    return Socket(
        connection_id=item["connection_id"],
        participant_id=item["participant_id"],
        name=item.get("name"),
        token_expires_at=item["token_expires_at"],
        connected_at=item["connected_at"],
        last_seen=item["last_seen"],
        generation=item["generation"],
        reachable=item["reachable"],
        gone=item["gone"],
    )


def _subscription(item: dict[str, Any]) -> Subscription:
    return Subscription(
        conversation_id=item.get("conversation_id", ""),
        connection_id=item["connection_id"],
        participant_id=item["participant_id"],
        epoch=item.get("epoch", 0),
        generation=item["generation"],
        token_expires_at=item["token_expires_at"],
        since=item["since"],
    )
