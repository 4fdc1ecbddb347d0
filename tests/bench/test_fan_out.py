"""Posting to many connections: a short run of the benchmark, and its parts."""

from pathlib import Path

from bench import fan_out, posters, timing
from bench.__main__ import QUICK_FAN_OUT
from bench.raw_posts import RawPosts
from bench.targets import Targets


def test_fan_out_report_lists_all_comparisons() -> None:
    output: list[str] = []
    assert fan_out.report(QUICK_FAN_OUT, output.append, Targets())
    text = "\n".join(output)
    for item in ("plain: product / bare loop", "TLS: boto3, 16 threads", "all new", "N = 50 / N = 10"):
        assert item in text


def test_sink_delays_its_responses() -> None:
    with posters.sink(0.05) as port:
        endpoint = posters.url(port, tls=False)
        bare = RawPosts(port, None, connections=2)
        try:
            requests = posters.signed_requests(endpoint, 4)
            # With two connections, four requests take two rounds.
            assert timing.wall_seconds(lambda: bare.send(requests)) >= 0.1
        finally:
            bare.close()


def test_tls_run_trusts_the_system_authorities_and_the_sink(tmp_path: Path) -> None:
    with posters.trusted_certificates(tmp_path) as made, posters.sink(0, made.server) as port:
        posters.product_post(posters.url(port, tls=True))(3)
