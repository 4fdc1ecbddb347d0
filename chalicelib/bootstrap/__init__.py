"""How the application is put together: the one package that knows all others.

Nothing happens at import: a process calls `application`, which builds its one application, and tests call
`build`.

May import: everything but edge.
"""

from chalicelib.bootstrap.process import (
    ServiceClients,
    application,
    is_http_function,
    revocations,
    use_clients,
    use_clock,
    use_wait_strategy,
    verifier,
    warm_up,
)
from chalicelib.bootstrap.services import Application
from chalicelib.bootstrap.wiring import build

__all__ = [
    "Application",
    "ServiceClients",
    "application",
    "build",
    "is_http_function",
    "revocations",
    "use_clients",
    "use_clock",
    "use_wait_strategy",
    "verifier",
    "warm_up",
]
