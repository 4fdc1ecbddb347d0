"""A chat with its web page, in its own process: `python -m tests.browser.chat_process`.

It prints a ready line like `python -m local --json`. Each further line of its standard input breaks all WebSocket
connections, and is answered with their number. The process ends at the end of its input.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from dataclasses import replace

from local.gateway import Gateway
from local.launcher import Options, running
from local.settings import Ports
from local.web.serving import bound, serving, web_url


def main() -> None:
    """Serve until the input ends."""
    out = sys.stdout
    logging.basicConfig(format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    with (
        contextlib.redirect_stdout(sys.stderr),
        bound(0) as listener,
        running(Options(Ports.from_base(0))) as instance,
        serving(
            listener, instance.ready.http_url, instance.ready.ws_url, instance.backend.settings, build=False
        ) as page,
    ):
        ready = replace(instance.ready, web_url=web_url(listener), web_page=page.state)
        print(ready.to_line(), file=out, flush=True)
        for _ in sys.stdin:
            print(_drop_all(instance.gateway), file=out, flush=True)


def _drop_all(gateway: Gateway) -> int:
    connection_ids = gateway.connections()
    for connection_id in connection_ids:
        with contextlib.suppress(KeyError):  # closed in the meantime
            gateway.drop(connection_id)
    return len(connection_ids)


if __name__ == "__main__":
    main()
