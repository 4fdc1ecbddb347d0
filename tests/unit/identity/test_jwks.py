"""The cache of signing keys: fetches, concurrent callers, and failures of the provider."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.identity.errors import KeysUnavailable
from chalicelib.identity.jwks import JwksKeys
from tests.support.fakes import FakeClock

from .minting import Keys, jwk_set, rsa_jwk

URL = "https://idp.example/jwks"
PATIENCE = 10.0


class Provider:
    """An identity provider: serves its present document, or fails with its present error; counts."""

    def __init__(self, document: bytes) -> None:
        self.document = document
        self.error: Exception | None = None
        self.before: Callable[[], None] = lambda: None
        self.fetches = 0
        self._busy = threading.Lock()

    def fetch(self, url: str) -> bytes:
        assert url == URL
        assert self._busy.acquire(blocking=False), "two fetches at the same time"
        self.fetches += 1
        try:
            self.before()
            if self.error:
                raise self.error
            return self.document
        finally:
            self._busy.release()


class TickingClock:
    """A clock that advances by a hundredth of a second whenever it is read."""

    def __init__(self) -> None:
        self._ticks = itertools.count()

    def __call__(self) -> float:
        return next(self._ticks) / 100


class Arrivals:
    """A clock that does not advance, and records the threads that read it."""

    def __init__(self) -> None:
        self.now = 0.0
        self._threads: set[int] = set()
        self._changed = threading.Condition()

    def __call__(self) -> float:
        with self._changed:
            self._threads.add(threading.get_ident())
            self._changed.notify_all()
        return self.now

    def wait_for(self, threads: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._threads) >= threads, timeout=PATIENCE)


@pytest.fixture
def provider(keys: Keys) -> Provider:
    return Provider(jwk_set(rsa_jwk(keys.rsa, kid="old")))


@pytest.fixture
def rotated(keys: Keys) -> bytes:
    return jwk_set(rsa_jwk(keys.other_rsa, kid="new"))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(0.0)


@pytest.fixture
def jwks(provider: Provider, clock: FakeClock) -> JwksKeys:
    return JwksKeys(URL, fetch=provider.fetch, clock=clock.now)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=16) as running:
        yield running


def knows(jwks: JwksKeys, kid: str) -> bool:
    return jwks.find(kid, "RS256") is not None


# When there is a fetch


def test_keys_are_fetched_on_first_use(jwks: JwksKeys, provider: Provider) -> None:
    assert provider.fetches == 0
    assert knows(jwks, "old")
    assert provider.fetches == 1


def test_keys_are_cached_until_their_maximum_age(jwks: JwksKeys, provider: Provider, clock: FakeClock) -> None:
    for now in (0.0, 1.0, 1800.0, 3599.9):
        clock.set(now)
        assert knows(jwks, "old")
    assert provider.fetches == 1
    clock.set(3600.0)
    assert knows(jwks, "old")
    assert provider.fetches == 2


def test_withdrawn_key_is_rejected_at_the_maximum_age(
    jwks: JwksKeys, provider: Provider, clock: FakeClock, rotated: bytes
) -> None:
    assert knows(jwks, "old")
    provider.document = rotated
    clock.set(3600.0)
    assert not knows(jwks, "old")
    assert knows(jwks, "new")


def test_keys_are_fetched_again_after_the_clock_was_set_back(
    jwks: JwksKeys, provider: Provider, clock: FakeClock, rotated: bytes
) -> None:
    clock.set(7200.0)
    assert knows(jwks, "old")
    provider.document = rotated
    clock.set(3600.0)
    assert not knows(jwks, "old")
    assert knows(jwks, "new")
    assert provider.fetches == 2


def test_unknown_key_id_causes_a_fetch(
    jwks: JwksKeys, provider: Provider, clock: FakeClock, rotated: bytes
) -> None:
    assert knows(jwks, "old")
    provider.document = rotated
    clock.set(10.0)
    assert knows(jwks, "new")
    assert provider.fetches == 2


def test_invented_key_ids_cause_at_most_one_fetch_in_ten_seconds(
    jwks: JwksKeys, provider: Provider, clock: FakeClock
) -> None:
    for second in range(100):
        clock.set(float(second))
        for attempt in range(5):
            assert not knows(jwks, f"invented-{second}-{attempt}")
    assert provider.fetches == 10
    assert knows(jwks, "old")


def test_cooldown_starts_when_a_fetch_ends(jwks: JwksKeys, provider: Provider, clock: FakeClock) -> None:
    def take_three_seconds() -> None:
        clock.advance(3.0)

    provider.before = take_three_seconds
    assert not knows(jwks, "invented")
    clock.set(12.9)
    assert not knows(jwks, "invented")
    assert provider.fetches == 1
    clock.set(13.0)
    assert not knows(jwks, "invented")
    assert provider.fetches == 2


def test_missing_key_id_counts_as_unknown_if_several_keys_match(
    jwks: JwksKeys, provider: Provider, keys: Keys
) -> None:
    provider.document = jwk_set(rsa_jwk(keys.rsa, kid="a"), rsa_jwk(keys.other_rsa, kid="b"))
    assert jwks.find(None, "RS256") is None
    assert jwks.find(None, "RS256") is None
    assert provider.fetches == 1


def test_maximum_age_and_cooldown_are_configurable(provider: Provider, clock: FakeClock) -> None:
    jwks = JwksKeys(URL, fetch=provider.fetch, clock=clock.now, max_age=60.0, min_refresh=5.0)
    assert knows(jwks, "old")
    clock.set(5.0)
    assert not knows(jwks, "invented")
    assert provider.fetches == 2
    clock.set(65.0)
    assert knows(jwks, "old")
    assert provider.fetches == 3


def test_set_without_usable_keys_is_a_successful_fetch(jwks: JwksKeys, provider: Provider) -> None:
    provider.document = b'{"keys": []}'
    assert not knows(jwks, "old")
    assert provider.fetches == 1


@pytest.mark.parametrize("url", ["http://idp.example/jwks", "file:///etc/passwd", "jwks"])
def test_a_url_that_is_not_https_is_refused_at_construction(url: str) -> None:
    with pytest.raises(ValueError, match="JWKS URL"):
        JwksKeys(url)


# While the provider is away


FAILURES = [OSError("unreachable"), TimeoutError("too slow"), ValueError("a strange document")]


@pytest.mark.parametrize("error", FAILURES)
def test_token_is_unverified_if_no_keys_can_be_fetched(
    jwks: JwksKeys, provider: Provider, clock: FakeClock, error: Exception
) -> None:
    provider.error = error
    with pytest.raises(KeysUnavailable) as caught:
        knows(jwks, "old")
    assert caught.value.retry_after == 10.0
    clock.set(4.0)
    with pytest.raises(KeysUnavailable) as caught:
        knows(jwks, "old")
    assert caught.value.retry_after == 6.0
    assert provider.fetches == 1


@pytest.mark.parametrize("document", [b"", b"<html>", b"[]", b'{"keys": 1}'])
def test_document_that_is_not_a_key_set_is_a_failed_fetch(
    jwks: JwksKeys, provider: Provider, document: bytes
) -> None:
    provider.document = document
    with pytest.raises(KeysUnavailable):
        knows(jwks, "old")


def test_cache_recovers_when_the_provider_does(jwks: JwksKeys, provider: Provider, clock: FakeClock) -> None:
    provider.error = OSError("unreachable")
    with pytest.raises(KeysUnavailable):
        knows(jwks, "old")
    provider.error = None
    clock.set(10.0)
    assert knows(jwks, "old")
    assert provider.fetches == 2


def test_failed_refresh_keeps_the_keys_and_is_retried_after_the_cooldown(
    jwks: JwksKeys, provider: Provider, clock: FakeClock
) -> None:
    assert knows(jwks, "old")
    provider.error = OSError("unreachable")
    for now in (3600.0, 3601.0, 3609.9):
        clock.set(now)
        assert knows(jwks, "old")
    assert provider.fetches == 2
    for now in (3610.0, 3619.9):
        clock.set(now)
        assert knows(jwks, "old")
    assert provider.fetches == 3


@pytest.mark.parametrize("grace", [0.0, 100.0])
def test_keys_are_used_during_the_grace_and_then_unavailable(
    provider: Provider, clock: FakeClock, grace: float
) -> None:
    jwks = JwksKeys(URL, fetch=provider.fetch, clock=clock.now, max_age=60.0, grace=grace)
    assert knows(jwks, "old")
    provider.error = OSError("unreachable")
    for late in (0.0, 50.0, 99.9):
        if late < grace:
            clock.set(60.0 + late)
            assert knows(jwks, "old")
    for late in (0.0, 5.0, 1000.0):
        clock.set(60.0 + grace + late)
        with pytest.raises(KeysUnavailable):
            knows(jwks, "old")
    provider.error = None
    clock.advance(10.0)
    assert knows(jwks, "old")


def test_unknown_key_id_after_a_failed_refresh_is_unverified(
    jwks: JwksKeys, provider: Provider, clock: FakeClock, rotated: bytes
) -> None:
    assert knows(jwks, "old")
    provider.error = OSError("unreachable")
    clock.set(20.0)
    with pytest.raises(KeysUnavailable):
        knows(jwks, "new")
    assert knows(jwks, "old")
    provider.error, provider.document = None, rotated
    clock.set(30.0)
    assert knows(jwks, "new")
    assert not knows(jwks, "invented")


def test_failure_is_logged_without_the_key_id(
    jwks: JwksKeys, provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.error = OSError("the key server answered with status 500")
    with caplog.at_level(logging.WARNING), pytest.raises(KeysUnavailable):
        knows(jwks, "id-of-the-client")
    assert [record.getMessage() for record in caplog.records] == [
        "fetching the signing keys failed: the key server answered with status 500"
    ]


def test_unexpected_error_of_fetch_is_raised_and_releases_the_lock(jwks: JwksKeys, provider: Provider) -> None:
    provider.error = RuntimeError("a defect")
    with pytest.raises(RuntimeError):
        knows(jwks, "old")
    provider.error = None
    assert knows(jwks, "old")


# Many at once


def test_concurrent_callers_share_one_fetch(provider: Provider, pool: ThreadPoolExecutor) -> None:
    clock = Arrivals()
    jwks = JwksKeys(URL, fetch=provider.fetch, clock=clock)
    provider.before = lambda: clock.wait_for(16)
    answers = [pool.submit(knows, jwks, "old") for _ in range(16)]
    assert [answer.result(PATIENCE) for answer in answers] == [True] * 16
    assert provider.fetches == 1


def test_concurrent_callers_share_one_failure(provider: Provider, pool: ThreadPoolExecutor) -> None:
    clock = Arrivals()
    jwks = JwksKeys(URL, fetch=provider.fetch, clock=clock)
    provider.before = lambda: clock.wait_for(16)
    provider.error = OSError("unreachable")
    answers = [pool.submit(knows, jwks, "old") for _ in range(16)]
    assert all(isinstance(answer.exception(PATIENCE), KeysUnavailable) for answer in answers)
    assert provider.fetches == 1


def test_concurrent_callers_with_a_new_key_share_one_fetch(
    provider: Provider, rotated: bytes, pool: ThreadPoolExecutor
) -> None:
    clock = Arrivals()
    jwks = JwksKeys(URL, fetch=provider.fetch, clock=clock)
    assert knows(jwks, "old")
    provider.document = rotated
    provider.before = lambda: clock.wait_for(17)  # sixteen, and this test's own thread from before
    clock.now = 10.0
    answers = [pool.submit(knows, jwks, "new") for _ in range(16)]
    assert [answer.result(PATIENCE) for answer in answers] == [True] * 16
    assert provider.fetches == 2


def test_known_key_is_returned_during_a_fetch(
    jwks: JwksKeys, provider: Provider, clock: FakeClock, pool: ThreadPoolExecutor
) -> None:
    assert knows(jwks, "old")
    fetching, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        fetching.set()
        assert go_on.wait(PATIENCE)

    provider.before = hang
    clock.set(10.0)
    first = pool.submit(knows, jwks, "invented")
    assert fetching.wait(PATIENCE)
    try:
        assert pool.submit(knows, jwks, "old").result(PATIENCE)
        assert not first.done()
    finally:
        go_on.set()
    first.result(PATIENCE)
    assert provider.fetches == 2


def test_key_of_the_maximum_age_is_not_used_before_the_keys_are_fetched_again(
    jwks: JwksKeys, provider: Provider, clock: FakeClock, rotated: bytes, pool: ThreadPoolExecutor
) -> None:
    assert knows(jwks, "old")
    provider.document = rotated
    clock.set(3600.0)
    answers = [pool.submit(knows, jwks, "old") for _ in range(8)]
    assert [answer.result(PATIENCE) for answer in answers] == [False] * 8
    assert provider.fetches == 2


def test_many_invented_ids_cause_one_fetch_at_a_time_within_the_cooldown(
    provider: Provider, pool: ThreadPoolExecutor
) -> None:
    clock = TickingClock()
    jwks = JwksKeys(URL, fetch=provider.fetch, clock=clock)
    start = threading.Barrier(16)
    provider.before = lambda: time.sleep(0.001)  # long enough for a second fetch to begin, if one may

    def rush(worker: int) -> bool:
        start.wait(PATIENCE)
        for turn in range(200):
            jwks.find(f"invented-{worker}-{turn}", "RS256")
        return knows(jwks, "old")

    assert all(pool.map(rush, range(16)))
    assert 2 <= provider.fetches <= 1 + clock() / 10
