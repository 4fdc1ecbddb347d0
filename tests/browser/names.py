"""The accessibility tree of a page, as screen readers get it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

_INTERACTIVE = {
    *("button", "checkbox", "combobox", "link", "listbox", "menu", "menuitem", "menuitemradio", "option"),
    *("searchbox", "spinbutton", "textbox", "toolbar", "article", "feed", "dialog", "navigation", "region"),
}
"""The roles of what a reader operates, or moves to."""


def unnamed(page: Page) -> list[str]:
    """Return the roles of the interactive elements without an accessible name. There must be some with one."""
    session = page.context.new_cdp_session(page)
    try:
        nodes: list[dict[str, Any]] = session.send("Accessibility.getFullAXTree")["nodes"]
    finally:
        session.detach()
    interactive = [node for node in nodes if not node["ignored"] and node["role"]["value"] in _INTERACTIVE]
    assert interactive
    return [node["role"]["value"] for node in interactive if not node.get("name", {}).get("value", "").strip()]
