"""The client for scripts without asyncio: the same names, and calls that wait.

    with Chat(http_url, ws_url, token) as chat:
        room = chat.open(conversation_id)
        room.send("Hello!")
        for event in room.events(timeout=60):
            print(event)

A thread runs the event loop, and another one calls handlers, one after the other. All methods can be called from
any thread, and handlers may call them.
"""

from .api import Api
from .changes import Changes
from .chat import Chat
from .conversations import ConversationList
from .room import Room
from .service import Acting, Service

__all__ = ["Acting", "Api", "Changes", "Chat", "ConversationList", "Room", "Service"]
