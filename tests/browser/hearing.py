"""The texts that a screen reader speaks by itself: those that appear in the live regions of a page."""

from __future__ import annotations

from typing import cast

from playwright.sync_api import Page

HEAR = """(() => {
  const REGIONS = "[aria-live=polite], [aria-live=assertive], [role=status], [role=alert], [role=log]";
  globalThis.spoken = [];
  const hear = (region) => {
    const modal = region.getRootNode().querySelector("dialog:modal");
    const text = region.textContent.trim();
    if (text && (!modal || modal.contains(region))) spoken.push(text);
  };
  const changed = (records) => {
    const regions = new Set();
    for (const { target, addedNodes } of records) {
      const element = target.nodeType === Node.TEXT_NODE ? target.parentElement : target;
      const around = element.closest?.(REGIONS);
      if (around) regions.add(around);
      for (const node of addedNodes) {
        if (node.matches?.(REGIONS)) regions.add(node);
        for (const inner of node.querySelectorAll?.(REGIONS) ?? []) regions.add(inner);
      }
    }
    for (const region of regions) if (region.isConnected) hear(region);
  };
  const attach = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (options) {
    const root = attach.call(this, options);
    new MutationObserver(changed).observe(root, { childList: true, characterData: true, subtree: true });
    return root;
  };
})()"""
"""A script that notes the texts. It takes a change of a region for one announcement, as the regions are atomic."""


def spoken(page: Page) -> list[str]:
    """Return the texts since the page was loaded, but for the state of its first connection."""
    return [text for text in cast("list[str]", page.evaluate("spoken")) if text != "Connecting…"]


def wait_for_spoken(page: Page, text: str) -> None:
    """Wait until a text was spoken."""
    page.wait_for_function("text => spoken.some((heard) => heard.includes(text))", arg=text)
