"""A chat client without a user interface. Needs `pip install websockets`; see "An example" in protocol.md."""

import json
import uuid
from urllib.request import Request, urlopen

from websockets.sync.client import connect


class Client:
    def __init__(self, http_url, ws_url, token):
        self.http_url, self.ws_url, self.header = http_url, ws_url, {"Authorization": f"Bearer {token}"}
        self.history_id, self.outbox, self.replies = "-1.", [], {}
        self.events, self.unread = {}, {}  # by conversation: events by sequence id, number of unread messages

    def connect(self):  # and again whenever the connection fails
        self.socket = connect(self.ws_url, additional_headers=self.header, legacy=True)
        self.command("hello")
        listed = json.load(urlopen(Request(f"{self.http_url}/conversations", headers=self.header)))[
            "conversations"
        ]
        self.unread = {conversation["conversation_id"]: conversation["unread_count"] for conversation in listed}
        self.subscribe()
        self.send()

    def subscribe(self):  # the answers have the events after those that are known without a gap
        for conversation in list(self.unread):
            known = self.events.get(conversation)
            after = {"after": min(number for number in known if number + 1 not in known)} if known else {}
            self.command("subscribe", conversation_id=conversation, history_id=self.history_id, **after)

    def send(self, *messages):  # pairs of a conversation and a text; without any, sends the rest of the outbox
        for conversation, text in messages:
            message = {"type": "message", "conversation_id": conversation, "content": text}
            self.outbox.append({**message, "client_message_id": uuid.uuid4().hex})
        reply = self.command("batch", commands=self.outbox[:24]) if self.outbox else {}
        for message, result in zip(self.outbox[:24], reply.get("results", ()), strict=False):
            if result.get("history_id") == self.history_id or result.get("retryable") is False:
                self.outbox.remove(message)  # it is stored, or invalid

    def command(self, kind, **fields):
        number = uuid.uuid4().hex
        self.socket.send(json.dumps({"type": kind, "id": number, **fields}, ensure_ascii=False))
        while number not in self.replies:
            self.receive(json.loads(self.socket.recv(timeout=30)))
        return self.replies.pop(number)

    def receive(self, frame):
        self.replies[frame.get("id")] = frame
        named = frame.get("history_id", self.history_id)
        if int(named.split(".")[0]) > int(self.history_id.split(".")[0]):
            self.history_id, self.events = named, {}  # the server's data was restored: nothing known is valid
            self.subscribe()
        if named == self.history_id and "events" in frame:
            known = {} if "reset" in frame else self.events.get(frame["conversation_id"], {})
            self.events[frame["conversation_id"]] = known
            known |= {event["sequence_id"]: event for event in frame["events"]}
            if known and max(*known, frame.get("head", 0)) - min(known) >= len(known):
                self.subscribe()  # something is missing
