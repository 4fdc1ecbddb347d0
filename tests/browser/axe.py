"""Accessibility checks by axe-core, which runs in an isolated world: the page's policy stays in force."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from playwright.sync_api import Page

from scripts.node import WEB
from tests.support.server import ROOT

_RUN = """
(async () => {
  // With forced colours, the browser chooses them, and axe reads those of the page.
  const rules = { "color-contrast": { enabled: !matchMedia("(forced-colors: active)").matches } };
  const result = await axe.run(document, { resultTypes: ["violations"], rules });
  return result.violations.map(({ id, help, nodes }) => ({
    id, help, nodes: nodes.map(({ html, target, failureSummary }) => ({ html, target, failureSummary })),
  }));
})()
"""


def violations(page: Page) -> list[str]:
    """Return the violations of the page in its present state, one a line."""
    session = page.context.new_cdp_session(page)
    try:
        session.send("Page.enable")
        frame = session.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
        world = session.send("Page.createIsolatedWorld", {"frameId": frame, "worldName": "axe"})
        context = {"contextId": world["executionContextId"]}
        present = session.send("Runtime.evaluate", {"expression": "typeof axe", **context})
        if _evaluate(present) == "undefined":  # the world lasts as long as the document
            _evaluate(session.send("Runtime.evaluate", {"expression": _source(), **context}))
        options = {"expression": _RUN, "awaitPromise": True, "returnByValue": True, **context}
        found = _evaluate(session.send("Runtime.evaluate", options))
    finally:
        session.detach()
    return [
        f"{violation['id']}: {violation['help']}: {node['html'][:200]} ({node['failureSummary']})"
        for violation in found
        for node in violation["nodes"]
    ]


def _evaluate(answer: Mapping[str, Any]) -> Any:
    assert "exceptionDetails" not in answer, answer["exceptionDetails"]
    return answer["result"].get("value")


@cache
def _source() -> str:
    return (ROOT / WEB / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
