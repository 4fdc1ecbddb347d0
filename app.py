"""The Chalice app: what API Gateway, its WebSocket API and the scheduler call. All else is in `chalicelib`.

A message comes in by `edge/rest.py` or `edge/websocket.py`, is appended to the log by
`core/messaging/sender.py`, and is pushed to the subscribers by `core/realtime/fan_out.py`.
"""

from __future__ import annotations

import gc

# Nothing of what is loaded is ever garbage: the collector need not look at it, now or later.
gc.disable()

from typing import Any  # noqa: E402

from chalice.app import Chalice, CloudWatchEvent, Rate, SQSEvent, WebsocketEvent  # noqa: E402

from chalicelib import bootstrap  # noqa: E402
from chalicelib.edge import websocket  # noqa: E402
from chalicelib.edge.background import run_job, run_sweep  # noqa: E402
from chalicelib.settings import is_lambda  # noqa: E402

__all__ = ["app", "auth", "connect", "disconnect", "message", "sweep", "worker"]

SWEEP_SECONDS = 45
JOB_SECONDS = 60

# Without Chalice's own log handler: its lines are text, and of several lines each (`observability/logs.py`).
app = Chalice(app_name="chat", configure_logs=False)
app.experimental_feature_flags.update(["WEBSOCKETS", "BLUEPRINTS"])
if bootstrap.is_http_function():
    # Routes and the models of their bodies: a twentieth of a cold start, which the other functions do without.
    from chalicelib.edge.rest import auth, rest

    app.register_blueprint(rest)


# Socket handlers stand here and not in a blueprint: Chalice registers those of blueprints unwrapped.
@app.on_ws_connect()
def connect(event: WebsocketEvent) -> dict[str, Any]:
    """A socket wants to be opened."""
    return websocket.connect(event.to_dict())


@app.on_ws_message()
def message(event: WebsocketEvent) -> dict[str, Any]:
    """A frame came in."""
    return websocket.message(event.to_dict())


@app.on_ws_disconnect()
def disconnect(event: WebsocketEvent) -> dict[str, Any]:
    """A socket is closed."""
    return websocket.disconnect(event.to_dict())


@app.schedule(Rate(1, unit=Rate.HOURS))
def sweep(event: CloudWatchEvent) -> None:
    """Clear away what is over, find work that was lost, look for what is past retention."""
    run_sweep(SWEEP_SECONDS)


# The template puts the queue that it makes in the place of this name (`infra/template/queue.py`).
@app.on_sqs_message(queue="jobs", batch_size=1)
def worker(event: SQSEvent) -> None:
    """A step of long work."""
    run_job((record.body for record in event), JOB_SECONDS)


if is_lambda():
    bootstrap.warm_up()
    gc.freeze()
gc.enable()
