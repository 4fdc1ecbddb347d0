"""An external DynamoDB endpoint: a client for it, and its errors as LocalErrors that name it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  (botocore's, the base of all its connection errors)
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)

from local.errors import LocalError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def dynamodb_client(url: str) -> DynamoDBClient:
    """Return a client with short timeouts for interactive use; boto3 finds the credentials."""
    config = Config(connect_timeout=3, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 2})
    client: DynamoDBClient = boto3.client("dynamodb", endpoint_url=url, config=config)
    return client


@contextlib.contextmanager
def translating_errors(url: str) -> Iterator[None]:
    """Translate boto3's exceptions into LocalErrors that name the store's URL."""
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError):
        raise LocalError(
            f"The store at {url} needs AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or"
            " AWS_PROFILE."
        ) from None
    except NoRegionError:
        raise LocalError(f"The store at {url} needs a region: set AWS_DEFAULT_REGION.") from None
    except (ConnectionError, HTTPClientError) as exc:
        raise LocalError(
            f"No DynamoDB endpoint answers at {url} ({type(exc).__name__}): is the URL right?"
        ) from None
    except ClientError as exc:
        error = exc.response.get("Error", {})
        raise LocalError(
            f"The store at {url} rejected {exc.operation_name}:"
            f" {error.get('Code', 'no error code')} {error.get('Message', '')}".rstrip()
        ) from None
    except (BotoCoreError, ValueError) as exc:  # ValueError: "Invalid endpoint"
        raise LocalError(f"The store at {url} cannot be used: {exc}") from None
