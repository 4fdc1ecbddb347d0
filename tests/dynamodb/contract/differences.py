"""Where MiniStack answers otherwise than DynamoDB: the test, and what MiniStack does instead.

The list is strict: a test here that passes on MiniStack fails the run.
"""

from __future__ import annotations

from collections.abc import Mapping

DIFFERENCES: Mapping[str, str] = {}
