"""Every state of the page. A new one is an entry of its scene."""

from __future__ import annotations

from tests.browser.states import connections, everything, people, variants

SAMPLED = everything.EVERYTHING
"""The scene whose first states are those of `make test`."""
SAMPLE = tuple(SAMPLED.states)[:10]
SCENES = {
    "everything": SAMPLED,
    "assembly": people.ASSEMBLY,
    "muted": people.MUTED,
    "direct": people.DIRECT,
    "newcomer": people.NEWCOMER,
    "invite": people.AT_AN_INVITE,
    "news": connections.NEWS,
    "connections": connections.CONNECTIONS,
    "stopped": connections.STOPPED,
    "signedout": connections.SIGNED_OUT,
    "unanswered": connections.UNANSWERED,
    "german": variants.GERMAN,
    "hebrew": variants.HEBREW,
    "phone": variants.ON_A_PHONE,
    "wishes": variants.WISHES,
    "list": variants.LONG_LIST,
    "pictures": variants.PICTURES,
}
"""The scenes by their names, which are parts of the ids of their participants."""
