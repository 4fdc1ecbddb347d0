"""Secrets from Parameter Store: CloudFormation cannot pass them to a function without showing them."""

from __future__ import annotations

from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.kernel.backoff import retry_after
from chalicelib.identity.errors import KeysUnavailable
from chalicelib.identity.settings import check_secret

_CONFIG = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})


def read_secret(name: str, region: str) -> str:
    """Return the value of a `SecureString` parameter.

    Raises:
        KeysUnavailable: it cannot be read now, or is not usable as a signing secret. The cause is chained.
    """
    client: Any = botocore.session.get_session().create_client("ssm", region_name=region, config=_CONFIG)
    try:
        secret: str = client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
        check_secret(secret)
    except (BotoCoreError, ClientError, ValueError) as error:
        raise KeysUnavailable("the secret parameter cannot be read now", retry_after=retry_after()) from error
    return secret
