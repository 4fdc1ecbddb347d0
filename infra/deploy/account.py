"""The AWS account and region of a deployment, from the SDK's standard configuration."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from infra.deploy.error_messages import explaining_errors
from infra.errors import InfraError

# CloudFormation throttles describe calls early, and a deployment makes many.
_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 8}, connect_timeout=10, read_timeout=60)


@dataclass(frozen=True, slots=True)
class Account:
    """An account, a region, and the caller's identity."""

    id: str
    region: str
    caller: str
    """The ARN of the calling user or role."""
    endpoint: str | None
    """A custom endpoint for all calls, if configured."""
    apigateway: Any
    cloudformation: Any
    dynamodb: Any
    iam: Any
    lambda_: Any
    s3: Any
    ssm: Any

    @property
    def partition(self) -> str:
        """The partition of the account's ARNs, such as `aws` or `aws-cn`."""
        return self.caller.split(":")[1]

    def __str__(self) -> str:
        location = f" at {self.endpoint}" if self.endpoint else ""
        return f"account {self.id}, region {self.region}{location}, as {self.caller}"


def this_account(region: str | None = None) -> Account:
    """Return the account of the environment's credentials. Raises InfraError."""
    with explaining_errors():
        # The SDK for Python does not read AWS_REGION, unlike other SDKs and the command line.
        session = boto3.Session(region_name=region or os.environ.get("AWS_REGION") or None)
        if session.region_name is None:
            raise InfraError(
                "No region is set. Set it with --region, with AWS_REGION, or in the profile (aws configure)"
            )
        sts = session.client("sts", config=_CONFIG)
        identity = sts.get_caller_identity()
        return Account(
            id=identity["Account"],
            region=session.region_name,
            caller=identity["Arn"],
            endpoint=None if "amazonaws.com" in sts.meta.endpoint_url else sts.meta.endpoint_url,
            apigateway=session.client("apigateway", config=_CONFIG),
            cloudformation=session.client("cloudformation", config=_CONFIG),
            dynamodb=session.client("dynamodb", config=_CONFIG),
            iam=session.client("iam", config=_CONFIG),
            lambda_=session.client("lambda", config=_CONFIG),
            s3=session.client("s3", config=_CONFIG),
            ssm=session.client("ssm", config=_CONFIG),
        )
