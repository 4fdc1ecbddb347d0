"""The contents of an account, listed per service."""

from __future__ import annotations

from typing import Any

from tests.support.ministack import MiniStack

Json = dict[str, Any]


def physical(ministack: MiniStack) -> dict[str, str]:
    """Return the stack's physical ids by logical id."""
    found = ministack.client("cloudformation").describe_stack_resources(StackName="chat-dev")["StackResources"]
    return {item["LogicalResourceId"]: item["PhysicalResourceId"] for item in found}


def everything(ministack: MiniStack) -> dict[str, set[str]]:
    """Return the names of all resources of an account, by the kinds that a stage consists of."""

    def names(service: str, operation: str, found: str, name: str | None, **arguments: Any) -> set[str]:
        answer: Json = getattr(ministack.client(service), operation)(**arguments)
        return {str(item if name is None else item[name]) for item in answer.get(found, [])}

    buckets = names("s3", "list_buckets", "Buckets", "Name")
    uploads = (names("s3", "list_objects_v2", "Contents", "Key", Bucket=bucket) for bucket in buckets)
    return {
        "functions": names("lambda", "list_functions", "Functions", "FunctionName"),
        "http apis": names("apigateway", "get_rest_apis", "items", "id"),
        "socket apis": names("apigatewayv2", "get_apis", "Items", "ApiId"),
        "tables": names("dynamodb", "list_tables", "TableNames", None),
        "queues": names("sqs", "list_queues", "QueueUrls", None),
        "mappings": names("lambda", "list_event_source_mappings", "EventSourceMappings", "UUID"),
        "roles": names("iam", "list_roles", "Roles", "RoleName"),
        "logs": names("logs", "describe_log_groups", "logGroups", "logGroupName"),
        "alarms": names("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
        "dashboards": names("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
        "topics": names("sns", "list_topics", "Topics", "TopicArn"),
        "schedules": names("events", "list_rules", "Rules", "Name"),
        "parameters": names("ssm", "describe_parameters", "Parameters", "Name"),
        "buckets": buckets,
        "uploads": set().union(*uploads),
    }
