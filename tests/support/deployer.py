"""The deployer's policies as IAM evaluates them for one account, and the permissions that a deployment needs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from local.iam.access import Access
from local.policy import Policy, matches, parse_identity_policy

Json = dict[str, Any]
POLICIES = Path(__file__).parents[2] / "infra" / "iam"
FILES = (POLICIES / "deployer-commands.json", POLICIES / "deployer-resources.json")
WITH_PAGE = (*FILES, POLICIES / "deployer-web.json")
"""The policies of a deployer of stages with a web page."""
ACCOUNT = "000000000000"
_CONDITIONS = {"StringEquals": lambda wanted, is_: wanted == is_, "StringLike": matches}
_TRANSFORM = "arn:aws:cloudformation:{region}:aws:transform/Serverless-2016-10-31"
# Actions on a bucket, by method and query; without a query, on an object.
_BUCKET = {
    ("HEAD", ""): "s3:ListBucket",
    ("GET", "list-type"): "s3:ListBucket",
    ("PUT", ""): "s3:CreateBucket",
    ("PUT", "publicAccessBlock"): "s3:PutBucketPublicAccessBlock",
    ("PUT", "encryption"): "s3:PutEncryptionConfiguration",
    ("PUT", "policy"): "s3:PutBucketPolicy",
}
# The services whose operation is in the path.
_REST = {
    "lambda": lambda request: Access("lambda:GetAccountSettings", "*"),
    "apigateway": lambda request: Access(
        f"apigateway:{request.method}", f"arn:aws:apigateway:{request.region}::{request.path}"
    ),
}
_OBJECT = {"HEAD": "s3:GetObject", "GET": "s3:GetObject", "PUT": "s3:PutObject", "DELETE": "s3:DeleteObject"}


class Request(NamedTuple):
    """A signed request, as MiniStack's front recorded it."""

    region: str
    service: str
    method: str
    path: str
    query: dict[str, str]
    target: str
    fields: Json


def statements(files: Sequence[Path] = FILES) -> list[Json]:
    """Return the statements for this account, with lists where IAM also accepts a string."""
    found = [
        statement
        for file in files
        for statement in json.loads(file.read_text().replace("ACCOUNT", ACCOUNT))["Statement"]
    ]
    return [
        {**statement, **{key: _listed(statement[key]) for key in ("Action", "Resource")}} for statement in found
    ]


def allowed(files: Sequence[Path] = FILES) -> set[str]:
    """Return every action of the policies."""
    return {action for statement in statements(files) for action in statement["Action"]}


def policy(context: Mapping[str, str], files: Sequence[Path] = FILES) -> Policy:
    """Return the policies where the condition keys have these values; a missing key fulfils no condition."""
    holding = [statement for statement in statements(files) if _holds(statement.get("Condition", {}), context)]
    return parse_identity_policy(
        "the deployer", [{k: v for k, v in entry.items() if k != "Condition"} for entry in holding]
    )


def is_allowed(access: Access, context: Mapping[str, str], files: Sequence[Path] = FILES) -> bool:
    """Whether the deployer has the permission."""
    return policy(context, files).allows(*access)


def requests(noted: Path) -> list[Request]:
    """Return all recorded requests."""
    return [Request(**json.loads(line)) for line in noted.read_text().splitlines()]


def accesses(request: Request, stack: str) -> Iterator[Access]:
    """Return the permissions that a request about `stack` needs."""
    if request.service == "s3":
        yield from _of_s3(request)
    elif request.service == "cloudformation":
        yield from _of_cloudformation(request, stack)
    elif request.service in _REST:
        yield _REST[request.service](request)
    elif request.service == "ssm":
        name = request.fields.get("Name") or request.fields["ResourceId"]
        resource = f"arn:aws:ssm:{request.region}:{ACCOUNT}:parameter{name}"
        yield Access(f"ssm:{request.target.partition('.')[2]}", resource)
        if "Tags" in request.fields:
            yield Access("ssm:AddTagsToResource", resource)
    elif request.service == "iam":
        yield Access(f"iam:{request.fields['Action']}", request.fields["PolicyArn"])
    else:
        yield Access(f"{request.service}:{request.fields['Action']}", "*")


def _of_s3(request: Request) -> Iterator[Access]:
    bucket, _, key = request.path.lstrip("/").partition("/")
    resource = f"arn:aws:s3:::{bucket}"
    first = next(iter(request.query), "")
    if key:
        yield Access(_OBJECT[request.method], f"{resource}/{key}")
    elif (request.method, first) == ("POST", "delete"):
        yield Access("s3:DeleteObject", f"{resource}/any")
    else:
        yield Access(_BUCKET[request.method, first], resource)


def _of_cloudformation(request: Request, stack: str) -> Iterator[Access]:
    action = request.fields["Action"]
    named = request.fields["StackName"]
    assert named == stack or f":stack/{stack}/" in named, f"{action} does not name the stack"
    yield Access(
        f"cloudformation:{action}", f"arn:aws:cloudformation:{request.region}:{ACCOUNT}:stack/{stack}/an-id"
    )
    if action == "CreateChangeSet":
        yield Access("cloudformation:CreateChangeSet", _TRANSFORM.format(region=request.region))
        # CloudFormation reads the template with the caller's permissions.
        yield Access("s3:GetObject", f"arn:aws:s3:::{urlsplit(request.fields['TemplateURL']).path.lstrip('/')}")


def _holds(condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    return all(
        key in context and any(_CONDITIONS[operator](value, context[key]) for value in _listed(wanted))
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    )


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
