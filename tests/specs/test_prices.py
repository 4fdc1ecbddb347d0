"""The prices: one for every command and route, as the documentation has them."""

from __future__ import annotations

from pathlib import Path

from chalicelib.core.conversations.prices import CHANGES, DEFAULT, MESSAGES, PER_NAMED, PRICES, charged
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.protocol.parsing import COMMANDS
from chalicelib.edge import rest
from chalicelib.edge.routes import ROUTES
from specs import read_limits
from specs.prices import table

PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol.md"


def test_every_command_and_route_with_a_caller_has_a_price() -> None:
    assert rest.auth, "which declares the routes"
    routes = {f"{route.method} {route.path}" for route in ROUTES if not route.public}
    assert PRICES.keys() == COMMANDS.keys() | routes | {"connect"}


def test_limits_charge_requests_that_exist() -> None:
    assert PRICES.keys() >= MESSAGES | CHANGES
    assert not MESSAGES & CHANGES


def test_request_is_charged_by_one_limit() -> None:
    assert charged("message") == charged("POST /conversations/{conversation_id}/join") == 0
    assert charged("sync") == PRICES["sync"]
    assert charged("hello", 3) == PRICES["hello"] + 3 * PER_NAMED["hello"]
    assert charged("GET /unlisted") == DEFAULT


def test_reconnect_with_the_most_conversations_costs_no_call() -> None:
    """Half the burst is charged without one."""
    assert charged("hello", 100) + 100 * charged("sync") <= Limits().budget_burst / 2


def test_documented_prices_are_those_of_the_service() -> None:
    message = "replace the table under 'Limits' by that of python -m specs.prices"
    assert table() in PROTOCOL.read_text(encoding="utf-8"), message


def test_documented_reads_are_those_of_the_walk() -> None:
    message = "replace the table under 'Reads' by that of python -m specs.read_limits"
    assert read_limits.table() in PROTOCOL.read_text(encoding="utf-8"), message
