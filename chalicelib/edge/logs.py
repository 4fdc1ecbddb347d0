"""Log lines: one JSON object each, with ids, never with texts, tokens or query strings."""

from __future__ import annotations

import json
import logging
import traceback

_logger = logging.getLogger(__name__)


def failure(error: BaseException, **ids: str | None) -> None:
    """Log what went wrong on our side: the kind and place of each error of the chain, not its message.

    A message can hold what a client sent; kinds and places cannot.
    """
    chain: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        frames = traceback.extract_tb(seen.__traceback__)
        place = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
        chain.append(f"{type(seen).__name__}{_code(seen)}{place}")
        seen = seen.__cause__
    _logger.error(json.dumps({"event": "failure", "errors": chain, **{k: v for k, v in ids.items() if v}}))


def _code(error: BaseException) -> str:
    """The error code of an AWS service, which its kind does not tell."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return f"({code})" if isinstance(code, str) else ""
