"""A stage with every option, and a checkout that has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.infra.checkouts import ROOT, copy_checkout

Json = dict[str, Any]
NAME = "every"
SETTINGS: Json = {
    "api_gateway_stage": "v1",
    "lambda_architecture": "x86_64",
    "environment_variables": {
        "CHAT_JWT_SECRET_PARAMETER": "/chat/every/jwt-secret",
        "CHAT_JWKS_URL": "https://id.test/keys",
        "CHAT_SECOND_JWT_SECRET_PARAMETER": "/chat/every/next-secret",
        "CHAT_ENDPOINTS": json.dumps(
            [
                {"url": "https://hooks.chat.test/chat", "secret_parameter": "/chat/every/webhook-secret"},
                {"event_bus": "chat-events"},
                {"event_bus": "chat-audit"},
            ]
        ),
    },
    "lambda_functions": {"sweep": {"reserved_concurrency": 1}},
    "infra": {
        "production": True,
        "runtime": "python3.13",
        "log_retention_days": 30,
        "allowed_origins": ["https://a.test", "https://b.test"],
        "http_throttle": {"share": 0.2},
        "socket_throttle": {"share": 0.25},
        "http_domain": {
            "name": "api.chat.test",
            "certificate_arn": "arn:aws:acm:eu-west-1:123456789012:certificate/a1b2-c3",
        },
        "socket_domain": {
            "name": "socket.chat.test",
            "certificate_arn": "arn:aws:acm:eu-west-1:123456789012:certificate/a1b2-c3",
        },
        "web_acl_arn": "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/chat/a1b2-c3",
        "job_concurrency": 20,
        "request_quota": {"rate": 20_000, "burst": 8_000},
        "alarms": {"email": "ops@chat.test", "latency_p99_ms": 2_000},
        "events": {
            "concurrency": 40,
        },
        "web": {
            "identity": {
                "authorization_endpoint": "https://id.test/authorize",
                "token_endpoint": "https://id.test/token",
                "client_id": "chat-page",
            },
            "domain": {
                "name": "a.test",
                "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/a1b2-c3",
            },
            "image_origins": ["https://images.test"],
            "vapid_key": "BPk",
        },
    },
}


def checkout_with_every_option(place: Path) -> Path:
    """Copy the sources of a build, and add the stage to their configuration."""
    copy_checkout(ROOT, place)
    path = place / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"][NAME] = SETTINGS
    path.write_text(json.dumps(config))
    return place
