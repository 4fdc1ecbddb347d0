"""The settings of the marketplace, from the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the product and the chat are."""

    product_url: str = "http://127.0.0.1:9000"
    """Where the chat, and browsers, reach this backend; also the issuer of its tokens."""
    chat_url: str = "http://127.0.0.1:8000"
    chat_ws_url: str = "ws://127.0.0.1:8001/local"
    component_url: str = "http://127.0.0.1:8003/serverless-chat.js"
    """The web component, which the page of the chat serves."""
    database: str = "product.db"
    administrators: frozenset[str] = frozenset({"admin"})
    """The ids of users who may suspend others."""
    webhook_secrets: tuple[str, ...] = ()
    """The secrets of the endpoint that the chat sends events to."""
    vapid_key: str = ""
    """The private key by which browsers accept push messages (`vapid --gen` of py-vapid); empty: no push."""
    smtp_host: str = ""
    """The server that sends digests; empty: none are sent, and nothing is noted for them."""
    mail_sender: str = "chat@shop.example.com"

    @classmethod
    def from_environment(cls) -> Settings:
        """Return the settings of this process: `PRODUCT_URL`, `PRODUCT_CHAT_URL`, and so on."""
        defaults, found = cls(), os.environ
        return cls(
            product_url=found.get("PRODUCT_URL", defaults.product_url),
            chat_url=found.get("PRODUCT_CHAT_URL", defaults.chat_url),
            chat_ws_url=found.get("PRODUCT_CHAT_WS_URL", defaults.chat_ws_url),
            component_url=found.get("PRODUCT_COMPONENT_URL", defaults.component_url),
            database=found.get("PRODUCT_DATABASE", defaults.database),
            webhook_secrets=tuple(found.get("PRODUCT_WEBHOOK_SECRETS", "").split()),
            vapid_key=found.get("PRODUCT_VAPID_KEY", defaults.vapid_key),
            smtp_host=found.get("PRODUCT_SMTP_HOST", defaults.smtp_host),
            mail_sender=found.get("PRODUCT_MAIL_SENDER", defaults.mail_sender),
        )


PAGE = Path(__file__).parent / "page"
"""The files of the product's page."""
