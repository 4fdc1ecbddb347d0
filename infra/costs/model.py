"""The arithmetic: from what people do to quantities, and from quantities to USD a month. Pure functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from .operations import SWEEP, Operation, of_a_user
from .prices import Price
from .profile import Profile, Technical

GB = 2**30
HOURS = 730
"""Of a month."""
WHOLE_PROCESSOR_MB = 1769
"""The memory at which a function gets one (Lambda developer guide, "Configure Lambda function memory")."""
POLLS_PER_HOUR = 5 * 3600 / 20
"""Requests by which Lambda looks at an empty queue: five at a time, of 20 seconds each."""
CACHED_KEYS_PER_HOUR = 12
"""DynamoDB asks KMS again for a table's key after five minutes, for each principal; so this is the most."""
FREE_DASHBOARD_METRICS = 50
GROUPS = {
    "API Gateway": ("websocket_message", "websocket_minute", "rest_request"),
    "DynamoDB": ("dynamodb_write", "dynamodb_read", "dynamodb_storage", "dynamodb_backup", "kms_request"),
    "Lambda": ("lambda_gb_second", "lambda_request"),
    "SQS": ("sqs_request",),
    "CloudWatch": ("logs_ingested", "logs_stored", "custom_metric", "alarm", "dashboard"),
    "Transfer": ("transfer_out",),
    "S3": ("s3_storage",),
}
Quantities = dict[str, float]
"""By the name of the price."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the stage's own configuration and template say."""

    memory: Mapping[str, int]
    """Of each function in MB, by its name in `.chalice/config.json`."""
    alarms: int
    dashboards: int
    dashboard_metrics: int
    tables: int
    log_retention_days: int


def duration(operation: Operation, technical: Technical, memory: int) -> float:
    """Billed milliseconds of an invocation: waiting, work at this memory's share of a processor, starting."""
    waiting = operation.rounds * technical.call_ms + operation.transactions * technical.transaction_ms
    waiting += technical.post_ms if operation.posts else 0
    work = operation.calls * technical.cpu_ms_per_call + operation.posts * technical.cpu_ms_per_post
    cold = 1 if operation.always_cold else technical.cold_share
    return waiting + work * max(1, WHOLE_PROCESSOR_MB / memory) + cold * technical.init_ms


def once(operation: Operation, profile: Profile, memory: Mapping[str, int]) -> Quantities:
    """What one operation takes, without what lies in the table afterwards."""
    technical, megabytes = profile.technical, memory[operation.function]
    requests = operation.http * (1 + profile.usage.preflights)
    logged = (
        technical.platform_log_bytes
        + (technical.metrics_line_bytes + operation.metrics * technical.metric_bytes if operation.metrics else 0)
        + requests * technical.http_log_bytes
        + operation.socket_log_lines * technical.socket_log_bytes
    )
    return {
        "websocket_message": operation.frames_in + operation.frames_out,
        "rest_request": requests,
        "lambda_gb_second": megabytes / 1024 * duration(operation, technical, megabytes) / 1000,
        "lambda_request": 1,
        "sqs_request": operation.queue,
        "dynamodb_write": operation.writes,
        "dynamodb_read": operation.reads,
        "logs_ingested": logged / GB,
        "transfer_out": operation.bytes_out / GB,
    }


def month(users: int, profile: Profile, facts: Facts) -> Quantities:
    """All that a stage with so many daily users takes in a month."""
    usage, technical = profile.usage, profile.technical
    done = [(each, times * users * usage.days) for each, times in of_a_user(usage)] + [(SWEEP, float(HOURS))]
    total: defaultdict[str, float] = defaultdict(float)
    invocations: defaultdict[str, float] = defaultdict(float)
    stored = 0.0
    for each, times in done:
        for name, quantity in once(each, profile, facts.memory).items():
            total[name] += quantity * times
        invocations[each.function] += times
        stored += each.stored * times * usage.months_kept / GB
    return {
        **total,
        "sqs_request": total["sqs_request"] + HOURS * POLLS_PER_HOUR,
        "websocket_minute": users * usage.days * usage.socket_hours * 60,
        "dynamodb_storage": stored,
        "dynamodb_backup": stored,
        "kms_request": key_requests(invocations, facts.tables),
        "logs_stored": total["logs_ingested"] * facts.log_retention_days / usage.days * technical.log_compression,
        "custom_metric": technical.custom_metrics if users else technical.idle_metrics,
        "alarm": facts.alarms,
        "dashboard": facts.dashboards,
        "s3_storage": technical.artefact_gb,
    }


def key_requests(invocations: Mapping[str, float], tables: int) -> float:
    """At most so many requests for the keys of the tables; `auth` looks at no table."""
    most = HOURS * CACHED_KEYS_PER_HOUR
    return sum(min(times, most) * tables for function, times in invocations.items() if function != "auth")


def bill(quantities: Quantities, prices: Mapping[str, Price], *, free: bool, facts: Facts) -> dict[str, float]:
    """USD by price; `free` takes off what is always free, as if nothing else in the account used it."""
    charged: dict[str, float] = {}
    for name, price in prices.items():
        covered = free and not (name == "dashboard" and facts.dashboard_metrics > FREE_DASHBOARD_METRICS)
        charged[name] = price.cost(quantities.get(name, 0), free=covered)
    return charged


def grouped(charged: Mapping[str, float]) -> dict[str, float]:
    """USD by service."""
    return {group: sum(charged[name] for name in names) for group, names in GROUPS.items()}
