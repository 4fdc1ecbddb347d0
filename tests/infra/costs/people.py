"""People who do nothing but what a test says, and a stage to do it on."""

from __future__ import annotations

from collections.abc import Mapping

from infra.costs import operations
from infra.costs.model import Facts
from infra.costs.operations import Operation
from infra.costs.prices import Price, read_prices
from infra.costs.profile import Profile, Technical, Usage, read_profile

PRICES = read_prices().prices
USUAL = read_profile()
FACTS = Facts(
    memory={
        **dict.fromkeys(("api_handler", "websocket_message"), 1024),
        **dict.fromkeys(("auth", "websocket_connect", "websocket_disconnect"), 512),
        "sweep": 256,
        "worker": 512,
    },
    alarms=25,
    dashboards=1,
    dashboard_metrics=44,
    tables=2,
    log_retention_days=90,
)
NOTHING = dict.fromkeys(Usage.model_fields, 0.0) | {
    "days": 30,
    "participants": 5,
    "listeners": 3,
    "ping_interval": 240,
    "content_bytes": 200,
    "months_kept": 12,
}


def usage(**values: float) -> Usage:
    """Somebody who does nothing but this."""
    return Usage.model_validate(NOTHING | values)


def profile(technical: Mapping[str, float] | None = None, **values: float) -> Profile:
    return Profile(usage=usage(**values), technical=calls(**(technical or {})))


def calls(**values: float) -> Technical:
    return USUAL.technical.model_copy(update=values)


def price(*tiers: tuple[float | None, float], per: float = 1, always_free: float = 0) -> Price:
    return Price(
        unit="", per=per, tiers=list(tiers), always_free=always_free, source="", as_of="", basis="price page"
    )


def of(name: str, people: Usage) -> Operation:
    (found,) = (each for each, _ in operations.of_a_user(people) if each.name == name)
    return found
