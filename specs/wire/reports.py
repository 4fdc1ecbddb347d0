"""The bodies of HTTP responses about reports."""

from __future__ import annotations

from chalicelib.core.protocol.report_objects import Report
from specs.wire.consent import Page


class Reports(Page):
    """A page of reports: of a conversation by the author of the message and then by message, of all by time."""

    reports: list[Report]
    """The reports. A page can be short, or empty, all the same."""
