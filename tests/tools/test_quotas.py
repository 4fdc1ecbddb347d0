"""The use of AWS quotas by a load, and the table of docs/quotas.md."""

from __future__ import annotations

import pytest

from infra.stage import InfraSettings
from tests.infra.checkouts import ROOT
from tools.costs.model import read_usage
from tools.quotas.__main__ import main
from tools.quotas.model import Load, Quota, quotas, rates

USAGE = read_usage()
SETTINGS = InfraSettings()


def used(load: Load, name: str, settings: InfraSettings = SETTINGS) -> Quota:
    (found,) = (quota for quota in quotas(load, USAGE, settings) if quota.name == name)
    return found


def test_rates_are_those_of_the_online_people_and_of_the_messages() -> None:
    rate = rates(Load(online=3_600, messages=100), USAGE)
    assert rate["connect"] == pytest.approx(4)  # four connections in an hour online
    assert rate["message"] + rate["message over HTTP"] == pytest.approx(100)
    assert rate["typing"] == pytest.approx(100), "as often as messages"
    assert rate["sweep"] == 0


def test_each_recipient_takes_a_request() -> None:
    name = "requests a second of API Gateway"
    few, many = (used(Load(0, 100, recipients), name).used for recipients in (3, 103))
    # A message, and for each of them a typing event and three quarters of a read pointer.
    assert many - few == pytest.approx(100 * 100 * (1 + 1 + 0.75))


def test_one_conversation_is_limited_by_its_partition() -> None:
    quota = used(Load(0, 1_000, largest=0.5), "messages a second of one conversation")
    assert (quota.limit, quota.used) == (125, 500)


def test_job_concurrency_is_that_of_the_stage() -> None:
    load = Load(10_000, 50)
    name = "concurrent background jobs"
    assert used(load, name).share > 1 > used(load, name, InfraSettings(job_concurrency=10)).share


def test_most_used_quota_is_first() -> None:
    shares = [quota.share for quota in quotas(Load(10_000, 50), USAGE, SETTINGS)]
    assert shares == sorted(shares, reverse=True)


def test_document_contains_the_printed_table(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    text = (ROOT / "docs" / "quotas.md").read_text()
    table = text.partition("<!-- printed by `python -m tools.quotas` -->\n")[2].partition("<!-- end -->")[0]
    assert table == capsys.readouterr().out, "copy the output of python -m tools.quotas into docs/quotas.md"


def test_command_prints_the_requested_load(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--online", "20000", "--messages", "300", "--recipients", "10"])
    assert "20,000 online, 300 messages/s, 10 recipients" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--online=-1"], ["--online", "many"]])
def test_invalid_number_is_rejected(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert "must be a whole number" in capsys.readouterr().err
