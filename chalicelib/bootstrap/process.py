"""The one application of a process, and the warm-up of a Lambda function."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable

from chalicelib.bootstrap.services import Application
from chalicelib.bootstrap.verification import token_verifier
from chalicelib.bootstrap.wiring import build
from chalicelib.core.kernel.clock import SystemClock
from chalicelib.core.protocol.validation import Request
from chalicelib.identity.model import Identity
from chalicelib.observability import context
from chalicelib.settings import current_settings, is_lambda

_HTTP_HANDLER, _MESSAGE_HANDLER = "app.app", "app.message"


def is_http_function() -> bool:
    """Return whether this process serves HTTP: on Lambda, only the function with that handler does."""
    return os.environ.get("_HANDLER", _HTTP_HANDLER) == _HTTP_HANDLER or not is_lambda()


@functools.cache
def verifier() -> Callable[[str], Identity]:
    """Return the token verifier alone, for the authorizer, which needs neither store nor poster."""
    return token_verifier(current_settings(), SystemClock())


@functools.cache
def application() -> Application:
    """Return the application, which is built at the first call."""
    from chalicelib.aws import clients

    settings, clock, observer = current_settings(), SystemClock(), context.observer
    store = clients.dynamodb(settings.region, clock)
    if is_lambda():
        # Every event begins with a call of the store, and this is most likely the init phase (`warm_up`).
        store.warm_up()
    queue_url = settings.job_queue
    return build(
        settings,
        dynamo_client=store,
        poster=clients.poster(settings.management_endpoint, settings.region, clock, observer),
        queue=None if queue_url is None else clients.job_queue(queue_url, settings.region, clock),
        clock=clock,
        observer=observer,
    )


def warm_up() -> None:
    """Build the application in the init phase, which has a whole processor, so that no event waits for it.

    Does not raise: an error occurs again at the first event, which can respond to it. The authorizer never calls
    this: Lambda loads it by its own module, without `app.py`.
    """
    with contextlib.suppress(Exception):
        if os.environ.get("_HANDLER") in (_HTTP_HANDLER, _MESSAGE_HANDLER):
            # The first model that is built loads much of pydantic, the others little.
            Request.model_rebuild()
        application()
