"""Differences between AWS regions that a deployment depends on."""

from __future__ import annotations

from typing import NamedTuple


class RequestQuota(NamedTuple):
    """API Gateway's quota of an account in a region, for HTTP, WebSocket messages and posts to connections."""

    rate: int
    """Requests per second."""
    burst: int


USUAL_QUOTA = RequestQuota(10_000, 5_000)
SMALL_QUOTA = RequestQuota(2_500, 1_250)
SMALL_QUOTA_REGIONS = (
    "af-south-1",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "mx-central-1",
)
"""Regions where new accounts have the small quota (API Gateway Developer Guide, "Amazon API Gateway quotas")."""
# S3 User Guide, "Namespaces for general purpose buckets".
_WITHOUT_ACCOUNT_NAMESPACE = {"me-central-1", "me-south-1"}


def has_account_namespace(region: str) -> bool:
    """Return whether S3 has bucket names there that only one account can use."""
    return region not in _WITHOUT_ACCOUNT_NAMESPACE
