"""The request to the app's `/health` with which a run begins."""

from __future__ import annotations

import http.client
import time
from urllib.parse import urlsplit

from local.errors import LocalError

RETRY_SECONDS = 0.2  # between two requests
HEALTH_TIMEOUT = 10.0  # seconds until the app must be healthy
COLD_START_TIMEOUT = 30.0  # seconds for a response that may need a new process: API Gateway's integration timeout


def check_health(http_url: str, timeout: float = HEALTH_TIMEOUT) -> None:
    """Request the app's `/health` through the gateway, repeatedly for `timeout` seconds while it answers 503.

    Raises LocalError if the app stays unavailable, answers with another error, or does not answer.
    """
    address = urlsplit(http_url)
    deadline = time.monotonic() + timeout
    while True:
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=COLD_START_TIMEOUT)
        try:
            connection.request("GET", "/health")
            response = connection.getresponse()
            body = response.read().decode("utf-8", errors="replace")
        except (OSError, http.client.HTTPException) as exc:
            raise LocalError(f"GET {http_url}/health got no response ({type(exc).__name__}).") from exc
        finally:
            connection.close()
        if response.status == 200:
            return
        if response.status != 503 or time.monotonic() > deadline:
            raise LocalError(f"The app is unhealthy: GET {http_url}/health answers {response.status} {body}")
        time.sleep(RETRY_SECONDS)
