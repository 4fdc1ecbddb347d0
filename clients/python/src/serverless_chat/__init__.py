"""A client of the chat service that shows the log without gaps and sends each message once.

`Chat` is the entry; `serverless_chat.blocking.Chat` is the same for scripts without asyncio, and `Bot` answers
mentions. `Service` is for the backend of a product, which acts for its users.
"""

from .acting import Acting
from .bot import Bot
from .chat import Chat
from .conversations import ConversationList
from .core.message import Message, Reaction
from .core.outputs import Ticket
from .core.row import Row
from .errors import (
    ChatClosedError,
    ChatError,
    DiscardedError,
    RefusedError,
    StorageInUseError,
    UnavailableError,
)
from .history import HistoryPage
from .room import Room
from .service import Service
from .storage import MemoryStorage, SqliteStorage, Storage
from .waiting import Sent

__all__ = [
    "Acting",
    "Bot",
    "Chat",
    "ChatClosedError",
    "ChatError",
    "ConversationList",
    "DiscardedError",
    "HistoryPage",
    "MemoryStorage",
    "Message",
    "Reaction",
    "RefusedError",
    "Room",
    "Row",
    "Sent",
    "Service",
    "SqliteStorage",
    "Storage",
    "StorageInUseError",
    "Ticket",
    "UnavailableError",
]
