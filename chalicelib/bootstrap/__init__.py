"""How the application is put together: the one package that knows all others.

Nothing happens at import: a process calls `application`, which builds its one application, and tests call
`build`.

May import: everything but edge.
"""

from chalicelib.bootstrap.process import application, is_http_function, verifier, warm_up
from chalicelib.bootstrap.services import Application
from chalicelib.bootstrap.wiring import build

__all__ = ["Application", "application", "build", "is_http_function", "verifier", "warm_up"]
