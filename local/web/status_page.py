"""The page in the place of an unfinished build, without style and script: the policy forbids both inline."""

from __future__ import annotations

from html import escape

STATUS_PAGE_TYPE = "text/html"
RELOAD_SECONDS = 1
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{head}<title>{title}</title>
<h1>{title}</h1>
{body}
</html>
"""


def building_page() -> str:
    """Return the page that waits for the build."""
    return _PAGE.format(
        head=f'<meta http-equiv="refresh" content="{RELOAD_SECONDS}">\n',
        title="The page is being built",
        body="<p>The chat is running already. The first build takes a few seconds; this page reloads itself.</p>",
    )


def absent_page(failure: str | None) -> str:
    """Return the page of a chat without a web page, with the reason if a build failed."""
    reason = "" if failure is None else f"<pre>{escape(failure)}</pre>"
    body = "<p>The chat is running without its web page. <code>make run</code> builds it, with Node.js.</p>"
    return _PAGE.format(head="", title="The page is not built", body=body + reason)
