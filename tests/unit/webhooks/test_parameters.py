"""Secrets in SSM parameters."""

from __future__ import annotations

import pytest

from chalicelib.core.kernel.errors import Unavailable
from chalicelib.core.model.publishing import Secret
from chalicelib.core.model.webhook_secret import secret_text
from chalicelib.webhooks.parameters import MAX_AGE, SecretParameters
from tests.support.fakes import FakeClock

OLD, NEW = bytes(32), bytes(range(32))


class Parameters:
    def __init__(self) -> None:
        self.value: str | Exception = secret_text(OLD)
        self.reads = 0

    def __call__(self, name: str) -> str:
        self.reads += 1
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


def test_parameter_is_read_again_after_a_while() -> None:
    parameters, clock = Parameters(), FakeClock()
    known = SecretParameters(parameters, clock)
    assert [known.secrets("/hook") for _ in range(2)] == 2 * [(Secret(OLD),)]
    assert parameters.reads == 1
    parameters.value = f" {secret_text(NEW)}\n{secret_text(OLD)} "
    clock.advance(MAX_AGE)
    assert known.secrets("/hook") == (Secret(NEW), Secret(OLD))


def test_parameter_is_read_again_after_a_freeze() -> None:
    parameters, clock = Parameters(), FakeClock()
    known = SecretParameters(parameters, clock)
    known.secrets("/hook")
    parameters.value = secret_text(NEW)
    clock.freeze(MAX_AGE)
    assert known.secrets("/hook") == (Secret(NEW),)
    parameters.value = secret_text(OLD)
    clock.set(clock.now() - 3600)
    assert known.secrets("/hook") == (Secret(OLD),), "the clock was set back"


@pytest.mark.parametrize("failure", [Unavailable(), "no secret"])
def test_known_secrets_are_used_while_the_parameter_cannot_be_read(failure: str | Exception) -> None:
    parameters, clock = Parameters(), FakeClock()
    known = SecretParameters(parameters, clock)
    known.secrets("/hook")
    parameters.value = failure
    clock.advance(MAX_AGE)
    assert known.secrets("/hook") == (Secret(OLD),)
    with pytest.raises((Unavailable, ValueError)):
        SecretParameters(parameters, clock).secrets("/hook")
