"""The connection: a socket that is opened, kept alive, rotated, and opened again after a backoff."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from .frames import FrameSender
from .outputs import CloseSocket, Credential, JsonObject, OpenSocket, Outputs, RequestToken, StatusChanged, Ticket
from .retries import ANSWER_TIMEOUT, Backoff, Random

MAX_LISTED = 100
"""How many conversations `hello` and `ping` can name."""
TOKEN_TIMEOUT = 30.0
PROBE_TIMEOUT = 15.0
"""Seconds within which HTTP must give the reason of a refused handshake."""
PONG_TIMEOUT = 5.0
ROTATION = 6_600.0
"""After how many seconds a connection is replaced: API Gateway ends it after 7,200."""
ROTATION_JITTER = 600.0
RENEWAL_MARGIN = 60.0
"""How many seconds before its expiry a token is renewed, or half of its lifetime if that is less."""
UNKNOWN_LIFETIME = 60.0
"""After how many seconds to renew a token that has expired by the client's own clock, which may be wrong."""
DEFAULT_PING_INTERVAL = 240.0


class State(Enum):
    """A state of the connection; the values are those of `StatusChanged`."""

    STOPPED = "stopped"
    WAITING = "waiting"
    TOKEN = "authenticating"  # noqa: S105 -- a state
    CONNECTING = "connecting"
    GREETING = "greeting"
    OPEN = "open"


_HAS_SOCKET = (State.OPEN, State.GREETING, State.CONNECTING)


class Connection:
    """One WebSocket at a time, each with a new token from the callback."""

    def __init__(self, sender: FrameSender, outputs: Outputs, random: Random) -> None:
        self.state = State.STOPPED
        self._sender, self._outputs, self._random = sender, outputs, random
        self._backoff, self._renewals = Backoff(random), Backoff(random)
        self._socket = 0
        self._hello_id: str | None = None
        self._step_due: float | None = None
        self._ping_interval = DEFAULT_PING_INTERVAL
        self._ping_due: float | None = None
        self._awaited: dict[str, float] = {}
        """The deadlines of pongs, by the id of the first frame of their ping, the oldest first."""
        self._pinged: dict[str, set[str]] = {}
        self._renewal_due: float | None = None
        self._is_renewing = False
        self._rotation_due: float | None = None

    def is_current(self, socket: int) -> bool:
        """Return whether an input is about the socket in use."""
        return socket == self._socket and self.state in _HAS_SOCKET

    def start(self, now: float) -> None:
        """Connect, if it is stopped."""
        if self.state is State.STOPPED:
            self._connect(now)

    def stop(self) -> None:
        """Close the socket, and do not connect again."""
        self._close()
        self._enter(State.STOPPED, None)

    def online(self, now: float) -> None:
        """Begin anew if there is no connection yet; test an open one by a ping."""
        if self.state is State.OPEN:
            self._ping_due = now
        elif self.state in {State.WAITING, State.CONNECTING, State.GREETING}:
            self._close()
            self._connect(now)

    def token_received(self, token: Credential, now: float) -> None:
        """Use a token for the handshake, or to renew that of the open connection. A ticket opens another one."""
        if self._is_renewing and isinstance(token, Ticket):
            self._close()
            self._enter(State.TOKEN, None)
        if self.state is State.TOKEN:
            self._socket += 1
            self._enter(State.CONNECTING, now + ANSWER_TIMEOUT)
            self._outputs.append(OpenSocket(self._socket, token))
        elif self.state is State.OPEN and self._is_renewing:
            self._is_renewing = False
            self._renewal_due = now + ANSWER_TIMEOUT + self._renewals.next_delay()
            self._sender.send("auth", token=token)

    def token_failed(self, now: float) -> None:
        """Wait before the callback is called again."""
        if self.state is State.TOKEN:
            self._wait(now)
        elif self._is_renewing:
            self._is_renewing = False
            self._renewal_due = now + self._renewals.next_delay()

    def refused(self, now: float) -> None:
        """Await the reason of the refusal."""
        self._enter(State.CONNECTING, now + PROBE_TIMEOUT)

    def opened(self, hello_id: str, now: float) -> None:
        """Await the answer to `hello`, which the caller sends now."""
        self._hello_id = hello_id
        self._enter(State.GREETING, now + ANSWER_TIMEOUT)

    def lost(self, now: float, retry_after: float = 0.0) -> None:
        """Connect again after the backoff; the socket is closed, or was refused."""
        self._wait(now, retry_after)

    def drop(self, now: float, retry_after: float = 0.0) -> None:
        """Close the socket, and connect again after the backoff."""
        self._close()
        self._wait(now, retry_after)

    def failed(self, error: JsonObject, now: float) -> bool:
        """Connect again if `hello` itself was refused; return whether it was."""
        is_hello = self.state is State.GREETING and error.get("id") == self._hello_id
        if is_hello and "conversation_id" not in error:
            self.drop(now, error.get("retry_after") or 0.0)
            return True
        return False

    def welcomed(self, welcome: JsonObject, now: float) -> None:
        """Begin to ping, and plan the renewal of the token and the rotation."""
        self._backoff.reset()
        self._ping_interval = float(welcome.get("ping_interval") or DEFAULT_PING_INTERVAL)
        self._ping_due = now + self._ping_interval
        self._rotation_due = now + ROTATION - self._random() * ROTATION_JITTER
        self._enter(State.OPEN, None)

    def plan_renewal(self, expires_at: str, now: float, wall_time: float) -> None:
        """Renew the token some time before it expires."""
        self._renewals.reset()
        lifetime = datetime.fromisoformat(expires_at.replace("Z", "+00:00")).timestamp() - wall_time
        delay = max(lifetime - RENEWAL_MARGIN, lifetime / 2) if lifetime > 0 else UNKNOWN_LIFETIME
        self._renewal_due = now + delay

    def token_expired(self, now: float) -> None:
        """Renew the token at once: the server does not accept it any more."""
        if self.state is State.OPEN and not self._is_renewing:
            self._renew(now)

    def ponged(self, frame: JsonObject) -> set[str]:
        """Note that the connection is alive; return the conversations whose head was asked for and is missing."""
        frame_id = str(frame.get("id"))
        if frame_id in self._awaited:  # it answers the earlier pings too, but no later one
            listed = list(self._awaited)
            for earlier in listed[: listed.index(frame_id) + 1]:
                del self._awaited[earlier]
        return self._pinged.pop(frame_id, set()) - set(frame.get("heads") or {})

    def disconnected_by_server(self, frame: JsonObject, now: float) -> None:
        """Connect again, unless the server forbids it."""
        self._close()
        if frame["reconnect"]:
            self._wait(now, frame.get("retry_after") or 0.0)
        else:
            self._enter(State.STOPPED, None)

    def next_timer(self) -> float | None:
        """Return when `advance` has something to do."""
        timers = [self._step_due]
        if self.state is State.OPEN:
            timers += [self._ping_due, self._pong_due, self._renewal_due, self._rotation_due]
        return min((timer for timer in timers if timer is not None), default=None)

    def advance(self, now: float, heads: dict[str, int]) -> None:
        """Let timers end; `heads` are the positions to name in a ping."""
        if self._step_due is not None and now >= self._step_due:
            if self.state is State.WAITING:
                self._connect(now)
            else:
                self.drop(now)
        if self.state is State.OPEN:
            self._keep_alive(now, heads)

    def _keep_alive(self, now: float, heads: dict[str, int]) -> None:
        if self._pong_due is not None and now >= self._pong_due:
            self.drop(now)
        elif self._rotation_due is not None and now >= self._rotation_due:
            self._close()
            self._connect(now)
        else:
            if self._ping_due is not None and now >= self._ping_due:
                self._ping(now, heads)
            if self._renewal_due is not None and now >= self._renewal_due:
                self._renew(now)

    @property
    def _pong_due(self) -> float | None:
        return min(self._awaited.values(), default=None)

    def _ping(self, now: float, heads: dict[str, int]) -> None:
        self._ping_due = now + self._ping_interval
        listed = list(heads.items())
        self._pinged.clear()
        for first in range(0, max(1, len(listed)), MAX_LISTED):
            part = dict(listed[first : first + MAX_LISTED])
            frame_id = self._sender.send("ping", heads=part)
            self._pinged[frame_id] = set(part)
            if first == 0:
                self._awaited[frame_id] = now + PONG_TIMEOUT

    def _renew(self, now: float) -> None:
        self._is_renewing = True
        self._renewal_due = now + TOKEN_TIMEOUT
        self._outputs.append(RequestToken())

    def _connect(self, now: float) -> None:
        self._enter(State.TOKEN, now + TOKEN_TIMEOUT)
        self._outputs.append(RequestToken())

    def _wait(self, now: float, retry_after: float = 0.0) -> None:
        self._enter(State.WAITING, now + self._backoff.next_delay(retry_after))

    def _close(self) -> None:
        if self.state in _HAS_SOCKET:
            self._outputs.append(CloseSocket(self._socket))

    def _enter(self, state: State, due: float | None) -> None:
        before, self.state, self._step_due = self.state, state, due
        if state is not State.OPEN:
            self._ping_due = self._renewal_due = self._rotation_due = None
            self._awaited.clear()
            self._is_renewing = False
        if before is not state:
            self._outputs.append(StatusChanged(state.value))
