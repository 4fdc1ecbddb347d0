"""Posting to many sockets: a short run of the measurement, and what it measures with."""

from pathlib import Path

from bench import fan_out
from bench.__main__ import QUICK_FAN_OUT
from bench.raw_posts import RawPosts
from bench.targets import Targets


def test_a_short_run_says_all_there_is_to_say() -> None:
    said: list[str] = []
    assert fan_out.report(QUICK_FAN_OUT, said.append, Targets())
    text = "\n".join(said)
    for each in ("plain: ours / bare loop", "TLS: boto3, 16 threads", "connection new", "N = 50 / N = 10"):
        assert each in text


def test_the_sink_answers_after_a_while_and_the_bare_loop_notices() -> None:
    with fan_out.sink(0.05) as port:
        endpoint = fan_out.url(port, tls=False)
        bare = RawPosts(port, None, connections=2)
        try:
            requests = fan_out.signed_requests(endpoint, 4)
            # Two at a time: four take two rounds.
            assert fan_out.wall_seconds(lambda: bare.send(requests)) >= 0.1
        finally:
            bare.close()


def test_a_run_over_tls_trusts_what_the_machine_trusts_and_the_sink(tmp_path: Path) -> None:
    with fan_out.trusted_certificates(tmp_path) as made, fan_out.sink(0, made.server) as port:
        fan_out.product_post(fan_out.url(port, tls=True))(3)
