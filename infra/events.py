"""The settings of events that leave the deployment: `events` in a stage's `infra` object."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_BUS = re.compile(r"[A-Za-z0-9._/-]{1,256}")


class EventSettings(BaseModel):
    """The resources and limits of published events."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    concurrency: int = Field(default=3, ge=2, le=1_000)
    """The maximum of concurrent deliveries. A new account has 10 concurrent executions in total."""


def is_event_bus(text: str) -> bool:
    """Return whether a text is the name of an event bus."""
    return _BUS.fullmatch(text) is not None


def _from_switch(value: Any) -> Any:
    """Accept `true` for the default settings, and `false` for none."""
    return {True: {}, False: None}[value] if isinstance(value, bool) else value


EventsSetting = Annotated[EventSettings | None, BeforeValidator(_from_switch)]
"""The type of the setting: `true`, or an object."""
