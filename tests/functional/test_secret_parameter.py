"""A secret in Systems Manager: read on first use, cached, and not replaced by a failed read."""

from __future__ import annotations

import os
from typing import Any

import boto3
import pytest

from chalicelib import bootstrap
from chalicelib.core.kernel.errors import Unauthorized, Unavailable
from chalicelib.identity.model import Identity
from chalicelib.settings import current_settings
from local.tokens import mint

NAME = "/chat/test/jwt-secret"
SECRET = "a-secret-that-is-kept-somewhere-else"


@pytest.fixture
def kept_elsewhere(chat: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Settings that name the parameter, which is not there yet; a client that can put it."""
    monkeypatch.delenv("CHAT_JWT_SECRET")
    monkeypatch.setenv("CHAT_JWT_SECRET_PARAMETER", NAME)
    for cache in (current_settings, bootstrap.verifier, bootstrap.application):
        cache.cache_clear()
    client = boto3.client("ssm", region_name=os.environ["AWS_REGION"])
    yield client
    if client.get_parameters(Names=[NAME])["Parameters"]:
        client.delete_parameter(Name=NAME)


def put(client: Any, value: str) -> None:
    client.put_parameter(Name=NAME, Value=value, Type="SecureString", Overwrite=True)


def verified(secret: str = SECRET) -> Identity:
    return bootstrap.verifier()(mint("alice", secret=secret))


def test_parameter_is_read_on_first_use_and_cached(kept_elsewhere: Any) -> None:
    put(kept_elsewhere, SECRET)
    assert verified().participant_id == "alice"
    kept_elsewhere.delete_parameter(Name=NAME)
    assert verified().participant_id == "alice"
    with pytest.raises(Unauthorized):
        verified("another-secret-that-is-long-enough")


@pytest.mark.parametrize("useless", [None, "short"])
def test_failed_read_is_retried(kept_elsewhere: Any, useless: str | None) -> None:
    if useless is not None:
        put(kept_elsewhere, useless)
    with pytest.raises(Unavailable):
        verified()
    put(kept_elsewhere, SECRET)
    assert verified().participant_id == "alice"


def test_application_is_built_without_the_parameter(kept_elsewhere: Any) -> None:
    # The functions that never see a token may not read the parameter.
    assert bootstrap.application().stores.event_log.head("conv_none") is None
