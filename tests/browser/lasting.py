"""Toasts and other things that disappear by themselves stay, so that a test on a busy machine sees them."""

from __future__ import annotations

LASTING = """(() => {
  const later = globalThis.setTimeout;
  const times = [1500, 2000, 6000]; // of "Copied", of the highlight after a jump, of a toast
  globalThis.setTimeout = (run, time, ...rest) => later(run, times.includes(time) ? 600_000 : time, ...rest);
})();"""
"""A script for pages whose test looks at such a thing after other steps, or not at once."""
