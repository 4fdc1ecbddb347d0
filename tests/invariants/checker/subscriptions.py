"""Whether subscriptions belong to members, and subscribers received everything."""

from __future__ import annotations

from collections.abc import Collection

from tests.invariants.checker.contents import events_in
from tests.invariants.checker.finished import Finished
from tests.support.items import plain


class Subscriptions(Finished):
    """Checks subscriptions and their sockets."""

    def _only_members_listen(self) -> None:
        assert self._head is not None
        if self._head["state"] != "live":
            return  # rows that remain after the end are not read, and expire
        departed = {
            tombstone["participant_id"]: tombstone["event"] for tombstone in self._head["departed"].values()
        }
        for item in plain(self._items, self._live, f"C#{self._harness.conversation}", "S#").values():
            person, epoch = item["participant_id"], item["epoch"]
            member = self._story.members.get(person)
            if not self._tidy and departed.get(person, 0) > epoch:
                continue
            assert member is not None, f"L7: {person} is no member and is still subscribed"
            assert member.epoch == epoch, f"L7: {person} is subscribed under an earlier membership"
        if self._tidy:
            for socket in self._harness.sockets:
                self._rows_of_a_socket_agree(socket)

    def _rows_of_a_socket_agree(self, socket: str) -> None:
        connection_id, where = self._harness.connection_id(socket), self._harness.conversation
        rows = plain(self._items, self._live, f"X#{connection_id}")
        row = rows.get("CONNECTION")
        received = plain(self._items, self._live, f"C#{where}").get(f"S#{connection_id}")
        reachable = plain(self._items, self._live, f"U#{self._harness.owner_id(socket)}").get(f"X#{connection_id}")
        if row is None:
            # A command that was in progress may leave its order, which expires.
            rows = {
                sk: item for sk, item in rows.items() if "is_tombstone" not in item and not sk.startswith("T#")
            }
            assert (rows, received, reachable) == ({}, None, None), f"the closed socket {socket} left something"
        elif row["is_stale"]:
            assert (received, reachable) == (None, None), f"the gone socket {socket} is still posted to"
        else:
            assert (reachable is not None) == row["is_active"], f"the socket {socket} cannot be found"
            remembered = rows.get(f"S#{where}")
            is_subscribed = remembered is not None and "is_tombstone" not in remembered
            assert (received is not None) == is_subscribed, f"the socket {socket} is half subscribed"
            if received is not None:
                assert received["generation"] == row["generation"], f"the socket {socket} has an old subscription"

    def _heard_everything(self, hears: Collection[str]) -> None:
        for socket in hears:
            if self._harness.owner_id(socket) not in self._story.members:
                continue
            started = 1 if socket in self._harness.setup.subscribed else None
            has: set[int] = set()
            for frame in self._harness.pushed_frames(socket):
                has |= {event["sequence_id"] for event in events_in(frame)}
                if frame["type"] == "subscribed" and started is None:
                    started = frame["head"]
            assert started is not None, f"{socket} was never told that it is subscribed"
            missing = set(range(started + 1, len(self._log) + 1)) - has
            assert not missing, f"L5: {socket}, subscribed at head {started}, never heard of {sorted(missing)}"

    def _told_of_the_end(self, hears: Collection[str]) -> None:
        assert self._head is not None
        if self._head["state"] != "deleted":
            return
        for socket in hears:
            if self._harness.owner_id(socket) in self._story.members:
                assert self._harness.pushed_frames(socket, "conversation_deleted"), (
                    f"{socket} was not told of the deletion"
                )
