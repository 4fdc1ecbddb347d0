"""Error messages for errors of AWS and its SDK: the cause, and how to fix it.

AWS's own message is only included if it contains no request values: a request with a secret must not be shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigNotFound,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
)

from infra.errors import InfraError

_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedAccess", "403"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_UNKNOWN = {"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "AuthFailure"}
_UNSIGNED = {"SignatureDoesNotMatch", "InvalidSignatureException", "RequestTimeTooSkewed"}
_THROTTLED = {"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown"}
# "… is not authorized to perform: s3:CreateBucket on resource: arn:… because …"
_ACTION = re.compile(r"not authorized to perform:? \[?([A-Za-z0-9-]+:[A-Za-z0-9]+)")
# IAM actions whose names differ from those of the operations.
_ACTIONS = {
    "HeadBucket": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "ListObjectsV2": "s3:ListBucket",
    "DeleteObjects": "s3:DeleteObject",
    "PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "GetAccount": "apigateway:GET",
}


@contextmanager
def explaining_errors() -> Iterator[None]:
    """Translate the SDK's exceptions into InfraError, without a chain that could show a request."""
    try:
        yield
    except ClientError as error:
        raise InfraError(explain(error)) from None
    except (NoCredentialsError, PartialCredentialsError):
        raise InfraError(
            "No AWS credentials were found. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY;"
            " aws configure creates a profile"
        ) from None
    except (SSOError, CredentialRetrievalError):
        raise InfraError("The AWS credentials could not be retrieved: sign in again (aws sso login)") from None
    except (ProfileNotFound, ConfigNotFound, NoRegionError, InvalidRegionError) as error:
        raise InfraError(f"The AWS configuration is invalid: {error}") from None
    except (EndpointConnectionError, HTTPClientError) as error:
        raise InfraError(f"AWS cannot be reached: {error}") from None
    except BotoCoreError as error:
        raise InfraError(f"The AWS SDK failed: {type(error).__name__}") from None


def code_of(error: ClientError) -> str:
    """Return the error code, such as `AccessDenied`."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def message_of(error: ClientError) -> str:
    """Return AWS's message."""
    return str(error.response.get("Error", {}).get("Message", ""))


def explain(error: ClientError) -> str:
    """Return a message for an error response of AWS."""
    code, message = code_of(error), message_of(error)
    if code in _DENIED:
        return f"Permission denied: {_denied_action(error)}. infra/iam/deployer-*.json list the permissions"
    if code in _EXPIRED:
        return "The AWS credentials have expired: get new ones (aws sso login) and try again"
    if code in _UNKNOWN:
        return "AWS does not know these credentials: check AWS_PROFILE or AWS_ACCESS_KEY_ID"
    if code in _UNSIGNED:
        return "AWS rejected the signature: check the secret key and this machine's clock"
    if code in _THROTTLED:
        return f"AWS still throttles {error.operation_name} after several retries: try again later"
    return f"AWS rejected {error.operation_name}: {message or code}"


def _denied_action(error: ClientError) -> str:
    message = message_of(error)
    if named := _ACTION.search(message):
        resource = re.search(r"on resource:? (\S+)", message)
        return named[1] + (f" on {resource[1]}" if resource else "")
    return _ACTIONS.get(error.operation_name, error.operation_name)
