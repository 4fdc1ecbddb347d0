"""cfn-lint has nothing to say, neither on the template nor on what the SAM transform makes of it."""

from __future__ import annotations

from pathlib import Path

from tests.infra.judge import Verdict, judge


def test_the_template_is_without_findings(verdict: Verdict) -> None:
    assert verdict.findings == []


def test_its_sam_translation_is_without_findings(verdict: Verdict) -> None:
    assert "Transform" not in verdict.translation
    kinds = {each["Type"].rpartition("::")[0] for each in verdict.translation["Resources"].values()}
    assert "AWS::Lambda" in kinds
    assert "AWS::Serverless" not in kinds
    assert verdict.findings_of_translation == []


def test_a_planted_fault_would_be_found(tmp_path: Path) -> None:
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayNam": "x"}}
    verdict = judge({"Resources": {"Topic": topic}}, tmp_path)
    assert [each.partition(" ")[0] for each in verdict.findings] == ["E3002"]
