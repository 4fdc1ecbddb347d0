"""A server whose gateway injects faults: `python -m tests.e2e.faulty_server_process --store URL`.

With `--bundle DIR` it runs the packaged app.

It prints a ready line like `python -m local --json`, and then executes the orders that it reads from its standard
input. Each is a line with a JSON list: the name of a method of `local.gateway.Gateway`, its positional and its
keyword arguments. Each is answered with one line, the result as JSON. The process ends at the end of its input.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.gateway import Gateway
from local.launcher import Options, running
from local.settings import Ports

TOLD = ("change", "change_for", "connections", "counters", "drop")


def main(options: Options) -> None:
    """Serve until the input ends."""
    out = sys.stdout
    logging.basicConfig(format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    with contextlib.redirect_stdout(sys.stderr), running(options) as instance:
        print(instance.ready.to_line(), file=out, flush=True)
        for line in sys.stdin:
            print(json.dumps(_do(instance.gateway, *json.loads(line))), file=out, flush=True)


def _do(gateway: Gateway, name: str, positional: list[Any], named: Mapping[str, Any]) -> Any:
    if name not in TOLD:
        raise ValueError(f"there is no {name!r} to be told, only {', '.join(TOLD)}")
    return getattr(gateway, name)(*positional, **named)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--store", required=True)
    parser.add_argument("--bundle", type=Path)
    asked = parser.parse_args()
    main(Options(Ports(0, 0, 0), store_url=asked.store, bundle=asked.bundle, disorder=True))
