"""The Chalice app: what API Gateway, its WebSocket API and the scheduler call. All else is in `chalicelib`.

A message comes in by `edge/rest.py` or `edge/websocket.py`, goes through `core/sending.py` into the log, and
out to the subscribers by `core/delivery.py`.
"""

from __future__ import annotations

from typing import Any

from chalice.app import Chalice, CloudWatchEvent, Rate, WebsocketEvent

from chalicelib.edge import websocket
from chalicelib.edge.rest import auth, rest
from chalicelib.edge.sweep import sweep as clear_away

__all__ = ["app", "auth", "connect", "disconnect", "message", "sweep"]

SWEEP_SECONDS = 45

# Without Chalice's own log handler: its lines are text, and of several lines each (`edge/logs.py`).
app = Chalice(app_name="chat", configure_logs=False)
app.experimental_feature_flags.update(["WEBSOCKETS", "BLUEPRINTS"])
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
    """Clear away conversations that are deleted or were left by all."""
    clear_away(SWEEP_SECONDS)
