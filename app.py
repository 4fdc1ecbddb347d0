"""The Chalice app: the handlers that API Gateway, the schedule, SQS and the stream of the table invoke.

A message arrives in `edge/rest/` or `edge/websocket.py`, is appended to the log by `core/messaging/sender.py`,
and is pushed to the subscribers by `core/realtime/fan_out.py`.
"""

from __future__ import annotations

import gc

# Nothing that is loaded here becomes garbage, so the collector need not scan it.
gc.disable()

from typing import Any  # noqa: E402

from chalice.app import Chalice, CloudWatchEvent, DynamoDBEvent, Rate, SQSEvent, WebsocketEvent  # noqa: E402

from chalicelib import bootstrap  # noqa: E402
from chalicelib.edge import websocket  # noqa: E402
from chalicelib.edge.background import run_changes, run_delivery, run_job, run_sweep  # noqa: E402
from chalicelib.settings import is_lambda  # noqa: E402

__all__ = ["app", "auth", "connect", "deliver", "disconnect", "message", "publish", "sweep", "worker"]

SWEEP_SECONDS = 45
JOB_SECONDS = 60
DELIVERY_SECONDS = 45

# Chalice's own log handler writes text of several lines, not JSON (`observability/logs.py`).
app = Chalice(app_name="chat", configure_logs=False)
app.experimental_feature_flags.update(["WEBSOCKETS", "BLUEPRINTS"])
if bootstrap.is_http_function():
    # Routes and request models take a twentieth of a cold start, and only one function needs them.
    from chalicelib.edge.rest import auth, rest

    app.register_blueprint(rest)


# WebSocket handlers cannot be in a blueprint: Chalice registers those unwrapped.
@app.on_ws_connect()
def connect(event: WebsocketEvent) -> dict[str, Any]:
    """Handle `$connect`."""
    return websocket.connect(event.to_dict())


@app.on_ws_message()
def message(event: WebsocketEvent) -> dict[str, Any]:
    """Handle a frame."""
    return websocket.message(event.to_dict())


@app.on_ws_disconnect()
def disconnect(event: WebsocketEvent) -> dict[str, Any]:
    """Handle `$disconnect`."""
    return websocket.disconnect(event.to_dict())


@app.schedule(Rate(1, unit=Rate.HOURS))
def sweep(event: CloudWatchEvent) -> None:
    """Delete obsolete items, resume lost jobs, and check for expired content."""
    run_sweep(SWEEP_SECONDS)


# The template replaces this name by the queue that it creates (`infra/template/queue.py`).
@app.on_sqs_message(queue="jobs", batch_size=1)
def worker(event: SQSEvent) -> None:
    """Run a step of a background job."""
    run_job((record.body for record in event), JOB_SECONDS)


# Only stages with events have these two: the template connects them to its stream and queue, or removes them
# (`infra/template/events.py`).
@app.on_dynamodb_record(stream_arn="stream")
def publish(event: DynamoDBEvent) -> None:
    """Wake the publisher for the conversations that have new events."""
    run_changes(event.to_dict())


@app.on_sqs_message(queue="deliveries", batch_size=1)
def deliver(event: SQSEvent) -> None:
    """Publish the next events of a conversation to an endpoint."""
    run_delivery((record.body for record in event), DELIVERY_SECONDS)


if is_lambda():
    bootstrap.warm_up()
    gc.freeze()
gc.enable()
