"""The request limits of both APIs, as shares of the account's quota, which depends on the region."""

from __future__ import annotations

from infra.regions import SMALL_QUOTA, SMALL_QUOTA_REGIONS, USUAL_QUOTA
from infra.stage import Stage, Throttle
from infra.template.names import Json, ref

CONDITION = "HasSmallRequestQuota"
_MOST_IN_OR = 10
"""Conditions in an `Fn::Or` (CloudFormation User Guide, "Condition functions")."""


def fragment(stage: Stage) -> Json:
    """Return the condition for the region, unless the stage names the account's quota."""
    if stage.infra.request_quota is not None:
        return {}
    tests = [{"Fn::Equals": [ref("AWS::Region"), region]} for region in SMALL_QUOTA_REGIONS]
    groups = [{"Fn::Or": tests[:_MOST_IN_OR]}, {"Fn::Or": tests[_MOST_IN_OR:]}]
    return {"Conditions": {CONDITION: {"Fn::Or": groups}}}


def limits(stage: Stage, throttle: Throttle) -> Json:
    """Return the rate and burst limits of an API stage."""
    quota = stage.infra.request_quota
    if quota is not None:
        rate: object = _part(throttle, quota.rate)
        burst: object = _part(throttle, quota.burst)
    else:
        rate = _by_region(throttle, SMALL_QUOTA.rate, USUAL_QUOTA.rate)
        burst = _by_region(throttle, SMALL_QUOTA.burst, USUAL_QUOTA.burst)
    return {"ThrottlingRateLimit": rate, "ThrottlingBurstLimit": burst}


def _by_region(throttle: Throttle, small: int, usual: int) -> Json:
    return {"Fn::If": [CONDITION, _part(throttle, small), _part(throttle, usual)]}


def _part(throttle: Throttle, quota: int) -> int:
    return max(round(throttle.share * quota), 1)
