"""A client that a service is: its requests act for a participant."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tests.support.client import ChatEndpoint, HttpClient, Response, TestClient


class ActingClient(TestClient):
    """A participant for whom a service acts by HTTP; sockets are opened with tickets of the service."""

    def __init__(self, stage: ChatEndpoint, http: HttpClient, service_token: str, participant: TestClient) -> None:
        super().__init__(stage, http, participant.id, participant.name)
        self.token = service_token

    @property
    def actor(self) -> dict[str, str]:
        """This participant as the `sender` of an event that the service caused."""
        return {**super().actor, "via": "service"}

    def request(self, method: str, path: str, body: Any = None, **options: Any) -> Response:
        """Send a request for the participant; with `headers={}`, for none."""
        named = {"Chat-Participant": quote(self.id, safe=""), "Chat-Participant-Name": quote(self.name, safe="")}
        return super().request(method, path, body, **{"headers": named, **options})
