"""`python -m local listen`: `chat tail --follow` of the Python client, as a participant of an instance."""

from __future__ import annotations

import os
from collections.abc import Sequence

from local.errors import LocalError
from local.health import check_health


def listen(http_url: str, ws_url: str, token: str, conversations: Sequence[str]) -> int:
    """Print the newest messages of the participant, and each event as it comes; return the exit status.

    Raises LocalError if no instance answers.
    """
    from serverless_chat.cli import main  # noqa: PLC0415 -- other commands start without it

    try:
        check_health(http_url)
    except LocalError as error:
        hint = "Start an instance with `make run`, or give its ports with --port and --ws-port."
        raise LocalError(f"{error} {hint}") from None
    os.environ |= {"CHAT_HTTP_URL": http_url, "CHAT_WS_URL": ws_url, "CHAT_TOKEN": token}
    return main(["tail", "--follow", "--json", *conversations])
