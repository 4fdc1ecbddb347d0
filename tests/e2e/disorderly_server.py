"""A server whose gateway can be told to misbehave: `python -m tests.e2e.disorderly_server --store URL`.

It writes a ready line as `python -m local --json` does, and then does what it is told on its standard input, one
JSON list a line: the name of a method of `local.gateway.Gateway`, its positional and its keyword arguments. Each
is answered by one line, the result as JSON. It ends at the end of its input.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any

from local.backend import backend
from local.banner import Ready
from local.gateway import Apis, Gateway, rest_api_from_chalice, websocket_api_from_chalice
from local.launcher import check_health, load_app
from local.settings import ROOT, Ports

TOLD = ("change", "change_for", "connections", "counters", "drop")


def main(store_url: str) -> None:
    """Serve until the input ends."""
    out = sys.stdout
    logging.basicConfig(format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    with contextlib.redirect_stdout(sys.stderr), contextlib.ExitStack() as stack:
        gateway = Gateway(lambda _: Apis(rest_api_from_chalice(app.app), websocket_api_from_chalice(app.app)))
        urls = gateway.bind()
        chosen = stack.enter_context(backend(Ports(0, 0, 0), store_url, None))
        chosen.point_aws(os.environ)
        os.environ.update(chosen.settings, CHAT_MANAGEMENT_ENDPOINT=urls.management_url)
        app = load_app(ROOT)
        chosen.prepare(os.environ)
        stack.enter_context(gateway)
        check_health(urls.http_url)
        ready = Ready(urls.http_url, urls.ws_url, urls.management_url, chosen.url, os.getpid(), None)
        print(ready.line(), file=out, flush=True)
        for line in sys.stdin:
            print(json.dumps(_do(gateway, *json.loads(line))), file=out, flush=True)


def _do(gateway: Gateway, name: str, positional: list[Any], named: Mapping[str, Any]) -> Any:
    if name not in TOLD:
        raise ValueError(f"there is no {name!r} to be told, only {', '.join(TOLD)}")
    return getattr(gateway, name)(*positional, **named)


if __name__ == "__main__":
    main(sys.argv[sys.argv.index("--store") + 1])
