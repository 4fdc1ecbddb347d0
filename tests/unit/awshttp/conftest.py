"""A peer on a real socket, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.raw_peer import RawPeer, raw_peer
from tests.unit.awshttp.fakes import PoolRig


@pytest.fixture
def peer() -> Iterator[RawPeer]:
    with raw_peer() as peer:
        yield peer


@pytest.fixture
def client(peer: RawPeer) -> PoolRig:
    return PoolRig(peer.url)
