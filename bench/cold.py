"""The cost of a cold start of the message function in instructions, which are reproducible to 0.1 %.

Valgrind's cachegrind counts from the start of the interpreter until the first message is acknowledged and posted
to another connection: the product's own `app.message`, with a store and a callback API next to it. The bare
handler signs and posts once. Both use bytecode that is not validated, as in the bundle.
"""

from __future__ import annotations

import compileall
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode
from statistics import median

from chalicelib.aws.api_gateway import ApiGatewayPoster
from chalicelib.core.kernel.clock import SystemClock

from .harness import ENVIRONMENT
from .posters import CREDENTIALS, REGION, ROOT, get_credentials, sink, url
from .stats import table
from .subscribed_conversation import SubscribedConversation, product_client, store_process
from .targets import Targets

Print = Callable[[str], None]
_REFERENCES = re.compile(r"I\s+refs:\s+([\d,]+)")
_PRODUCT = "import json, os, app; app.message(json.loads(os.environ['EVENT']), None)"
_BARE = "import json, os; from bench.bare_handler import handler; handler(json.loads(os.environ['EVENT']), None)"
_FIRST_CALL_PROGRAM = """
import gc, time, app
from chalicelib import bootstrap
store = bootstrap.application().stores.event_log
def cost():
    begun = time.process_time_ns()
    store.head("nowhere")
    return time.process_time_ns() - begun
first = cost()
print(first, cost())
"""


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of the benchmark."""

    processes: int = 15
    """Processes in which the first store call is compared with the second."""


@contextmanager
def deployed_copy() -> Iterator[Path]:
    """Yield a copy of the code with its bytecode, as in a bundle."""
    with tempfile.TemporaryDirectory() as place:
        tree = Path(place)
        shutil.copy(ROOT / "app.py", tree)
        for package in ("chalicelib", "bench"):
            shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
        compileall.compile_dir(tree, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
        yield tree


def lambda_environment(store_url: str, endpoint: str) -> dict[str, str]:
    """Return the environment of the message function, from Lambda and the template."""
    return {
        "PATH": os.environ["PATH"],
        **ENVIRONMENT,
        "CHAT_JWT_SECRET": "a secret that is long enough for a bench",
        "CHAT_MANAGEMENT_ENDPOINT": endpoint,
        "AWS_ENDPOINT_URL_DYNAMODB": store_url,
        "AWS_ACCESS_KEY_ID": str(CREDENTIALS.access_key),
        "AWS_SECRET_ACCESS_KEY": str(CREDENTIALS.secret_key),
        "AWS_SESSION_TOKEN": str(CREDENTIALS.token),
        "AWS_REGION": REGION,
        "AWS_LAMBDA_FUNCTION_NAME": "chat-bench-websocket_message",
        "_HANDLER": "app.message",
        "PYDANTIC_DISABLE_PLUGINS": "__all__",
    }


def message_event(conversation: SubscribedConversation, number: int) -> str:
    """Return a message event of API Gateway, as JSON."""
    command = {
        "type": "message",
        "id": "1",
        "conversation_id": conversation.conversation_id,
        "client_message_id": f"cold-{number}",
        "content": "Hello",
    }
    context = {
        "routeKey": "$default", "eventType": "MESSAGE", "requestId": "r",
        "connectionId": conversation.connection_ids[0],
        "domainName": "bench.example", "stage": "dev", "apiId": "a",
    }  # fmt: skip
    return json.dumps({"requestContext": context, "body": json.dumps(command), "isBase64Encoded": False})


def instructions(program: str, tree: Path, environment: Mapping[str, str]) -> float:
    """Return the instructions of a program in millions. Raises RuntimeError if it fails."""
    valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    done = subprocess.run(
        [*valgrind, sys.executable, "-c", program],
        cwd=tree, env=dict(environment), capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = _REFERENCES.search(done.stderr)
    if done.returncode or found is None:
        raise RuntimeError(f"valgrind counted nothing: {done.stderr[-500:]}")
    return int(found[1].replace(",", "")) / 1e6


def import_shares(tree: Path, environment: Mapping[str, str]) -> Mapping[str, float]:
    """Return the largest shares of packages in the total import time."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", _PRODUCT],
        cwd=tree, env=dict(environment), capture_output=True, text=True, check=True,
    )  # fmt: skip
    times: Counter[str] = Counter()
    for line in done.stderr.splitlines():
        own, _, rest = line.removeprefix("import time:").partition("|")
        if own.strip().isdigit():
            name = rest.partition("|")[2].strip()
            depth = 3 if name.startswith("chalicelib.") else 1
            top = ".".join(name.split(".")[:depth])
            times[top] += int(own)
    total = sum(times.values())
    return {name: item / total for name, item in times.most_common(8)}


def first_call_ratio(scale: Scale, tree: Path, environment: Mapping[str, str]) -> float:
    """Return the median ratio of CPU time of a process's first store call to the second."""
    ratios = []
    for _ in range(scale.processes):
        done = subprocess.run(
            [sys.executable, "-c", _FIRST_CALL_PROGRAM],
            cwd=tree, env=dict(environment), capture_output=True, text=True, check=True,
        )  # fmt: skip
        first, second = map(int, done.stdout.split()[-2:])
        ratios.append(first / second)
    return median(ratios)


def report(scale: Scale, show: Print, targets: Targets) -> bool:
    """Measure and print everything."""
    if shutil.which("valgrind") is None:
        show("Cold starts are skipped: they require valgrind, which is not installed.")
        return True
    with store_process(0, 0) as store_url, sink(0) as port, deployed_copy() as tree:
        endpoint = url(port, tls=False)
        environment = lambda_environment(store_url, endpoint)
        poster = ApiGatewayPoster(endpoint, REGION, get_credentials, SystemClock())
        conversation = SubscribedConversation(product_client(store_url), poster, 2)
        nothing = instructions("pass", tree, environment)
        bare = instructions(_BARE, tree, {**environment, "EVENT": message_event(conversation, 1)})
        imported = instructions("import app", tree, environment)
        before = conversation.event_count()
        ours = instructions(_PRODUCT, tree, {**environment, "EVENT": message_event(conversation, 2)})
        if conversation.event_count() != before + 1:
            raise RuntimeError("the measured message is not in the log")
        show("Millions of instructions from the start of the interpreter until the first message is posted.\n")
        rows = [
            ("Python alone", f"{nothing:.0f}", "", ""),
            ("a bare handler that signs and posts", f"{bare:.0f}", "1.0", ""),
            ("product, loaded", f"{imported:.0f}", f"{imported / bare:.1f}", ""),
            ("product, first message posted", f"{ours:.0f}", f"{ours / bare:.1f}", "≤ 9"),
        ]
        show(table(("what", "millions", "× bare", "target"), rows))
        targets.at_most("cold start in instructions, relative to a bare handler", ours / bare, 9)
        show("\nShares of the total import time.\n")
        shares = import_shares(tree, {**environment, "EVENT": message_event(conversation, 3)})
        show(table(("package", "share"), [(name, f"{100 * share:.0f} %") for name, share in shares.items()]))
        ratio = first_call_ratio(scale, tree, environment)
        show("\nCPU time of the first store call, relative to the second.\n")
        show(table(("ratio", "target"), [(f"{ratio:.1f}", "≤ 3")]))
        own_shares = [share for name, share in shares.items() if name.startswith("chalicelib.")]
        targets.at_most("share of the product's largest module in the imports", max(own_shares, default=0.0), 0.1)
        targets.at_most("CPU time of the first store call relative to the second", ratio, 3)
    return True
