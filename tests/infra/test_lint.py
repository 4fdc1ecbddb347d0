"""cfn-lint finds nothing, neither in the template nor in its SAM translation."""

from __future__ import annotations

from pathlib import Path

from tests.infra.judge import Verdict, judge


def test_template_has_no_lint_findings(verdict: Verdict) -> None:
    assert verdict.findings == []


def test_sam_translation_has_no_lint_findings(verdict: Verdict) -> None:
    assert "Transform" not in verdict.translation
    kinds = {resource["Type"].rpartition("::")[0] for resource in verdict.translation["Resources"].values()}
    assert "AWS::Lambda" in kinds
    assert "AWS::Serverless" not in kinds
    assert verdict.findings_of_translation == []


def test_linter_finds_a_planted_error(tmp_path: Path) -> None:
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayNam": "x"}}
    verdict = judge({"Resources": {"Topic": topic}}, tmp_path)
    assert [finding.partition(" ")[0] for finding in verdict.findings] == ["E3002"]
