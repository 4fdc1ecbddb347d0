"""The deployed functions of a stage: their variables, and whether all of them have taken an update."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from infra.deploy.account import Account
from infra.deploy.state import FENCE, HISTORY
from infra.errors import InfraError
from infra.template.names import ALL_FUNCTIONS, Json

POLL_INTERVAL = 2.0
PATIENCE = 300.0
"""Seconds in which all functions take an update of the stack that has succeeded."""


class DeployedFunctions:
    """The functions of one stack."""

    def __init__(
        self,
        account: Account,
        physical_ids: Mapping[str, str],
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = account.lambda_
        self._names = [
            physical_ids[function.logical_id] for function in ALL_FUNCTIONS if function.logical_id in physical_ids
        ]
        self._sleep = sleep
        self._monotonic = monotonic

    def variables(self) -> dict[str, str]:
        """Return the variables that all functions have."""
        found: dict[str, str] = self._configurations()[0]["Environment"]["Variables"]
        return found

    def longest_timeout(self) -> int:
        """Return the longest timeout, in seconds."""
        return max(int(configuration["Timeout"]) for configuration in self._configurations())

    def wait_for(self, *, fenced: bool, history: str | None = None) -> None:
        """Wait until every function is fenced or not, and carries the history. Raises InfraError."""
        deadline = self._monotonic() + PATIENCE
        while late := [
            configuration["FunctionName"]
            for configuration in self._configurations()
            if not _has_taken(configuration, fenced=fenced, history=history)
        ]:
            if self._monotonic() >= deadline:
                raise InfraError(f"{', '.join(late)} did not take the update: repeat the command")
            self._sleep(POLL_INTERVAL)

    def _configurations(self) -> list[Json]:
        return [self._client.get_function_configuration(FunctionName=name) for name in self._names]


def _has_taken(configuration: Json, *, fenced: bool, history: str | None) -> bool:
    variables = configuration["Environment"]["Variables"]
    return (
        configuration.get("LastUpdateStatus", "Successful") == "Successful"
        and (FENCE in variables) == fenced
        and history in (None, variables[HISTORY])
    )
