"""The reading requests of the HTTP API, as methods."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.bootstrap import Application
from chalicelib.core.model.actors import Principal
from chalicelib.core.protocol import queries
from chalicelib.core.realtime.outbox import Result

if TYPE_CHECKING:
    from tests.invariants.harness import Harness


@dataclass(frozen=True)
class Response:
    """A successful HTTP response that reached its client."""

    participant_id: str
    request: str
    body: Any


class HttpReads:
    """Reading requests to one invocation of the application. Each records its response."""

    def __init__(self, harness: Harness, app: Application) -> None:
        self.harness = harness
        self.app = app
        self.service: str | None = None
        """The client id of the service that makes the requests for the participants."""

    def principal(self, name: str) -> Principal:
        """Return a participant as the authorizer identifies them."""
        shown = self.harness.display_names.get(name, name.title())
        return Principal(self.harness.participant_id(name), shown, service=self.service)

    def list_invites(self, name: str) -> Any:
        """`GET …/invites`."""
        answer = self.app.conversations.invites.list(
            self.principal(name), self.harness.conversation, queries.PageQuery()
        )
        return self._respond(name, "invites", answer)["invites"]

    def list_bans(self, name: str) -> Any:
        """`GET …/bans`."""
        answer = self.app.conversations.moderation.bans(
            self.principal(name), self.harness.conversation, queries.PageQuery()
        )
        return self._respond(name, "bans", answer)["bans"]

    def list_audit(self, name: str, **query: Any) -> Any:
        """`GET …/audit`."""
        asked = queries.AuditQuery(**query)
        return self._respond(
            name,
            "audit",
            self.app.conversations.moderation.audit(self.principal(name), self.harness.conversation, asked),
        )

    def list_reactions(self, name: str, target: int, emoji: str | None = None) -> list[Any]:
        """`GET …/reactions`: return all pages."""
        found: list[Any] = []
        query = queries.ReactionsQuery(emoji=emoji, limit="2")
        while True:
            page = self.app.conversations.history.reactions(
                self.principal(name), self.harness.conversation, target, query
            )
            found += self._respond(name, "who reacted", page)["reactions"]
            if "next_cursor" not in page:
                return found
            query = queries.ReactionsQuery(emoji=emoji, limit="2", cursor=page["next_cursor"])

    def list_events(self, name: str, after: int = 0, limit: int = 100) -> Any:
        """`GET …/events`."""
        query = queries.EventsQuery(after=str(after), limit=str(limit))
        return self._respond(
            name,
            "events",
            self.app.conversations.history.events(self.principal(name), self.harness.conversation, query),
        )

    def list_messages(
        self, name: str, *, before: int | None = None, after: int | None = None, limit: int = 100
    ) -> Any:
        """`GET …/messages`."""
        bounds = {"before": before, "after": after, "limit": limit}
        query = queries.MessagesQuery(**{bound: str(at) for bound, at in bounds.items() if at is not None})
        return self._respond(
            name,
            "messages",
            self.app.conversations.history.messages(self.principal(name), self.harness.conversation, query),
        )

    def get_conversation(self, name: str) -> Any:
        """`GET /conversations/{id}`."""
        view = self.app.conversations.views.view(self.harness.conversation, self.principal(name), messages=True)
        return self._respond(name, "view", view)

    def list_conversations(self, name: str) -> list[Any]:
        """`GET /conversations`: return the first page."""
        query = queries.ConversationsQuery()
        answer = self.app.conversations.views.list(self.principal(name), query)
        listed = self._respond(name, "list", answer)["conversations"]
        assert isinstance(listed, list)
        return listed

    def _respond(self, name: str, what: str, result: Any) -> Any:
        """Deliver the pushes, as the edge does, and record the response."""
        if isinstance(result, Result):
            with contextlib.suppress(Exception):  # as the edge does: the request was committed
                self.app.realtime.fan_out.deliver(result.pushes, within=1.0)
            result = result.response
        self.harness.responses.append(Response(self.harness.participant_id(name), what, result))
        return result

    def list_own_pending(self, name: str) -> list[Any]:
        """`GET /conversations?membership=pending`: return those in the conversation of the harness."""
        query = queries.ConversationsQuery(membership="pending")
        listed = self.app.conversations.pending.list(self.principal(name), query)["pending"]
        return [entry for entry in listed if entry["conversation_id"] == self.harness.conversation]

    def list_pending(self, name: str) -> list[Any]:
        """`GET …/pending`."""
        page = self.app.conversations.pending.list_in(
            self.principal(name), self.harness.conversation, queries.PageQuery()
        )
        return list(page["pending"])
