"""Secrets from the parameter store of AWS Systems Manager: CloudFormation cannot hand them to a function."""

from __future__ import annotations

from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.identity.errors import KeysUnavailable
from chalicelib.identity.settings import check_secret

CONFIG = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})


def read_secret(name: str, region: str) -> str:
    """The value of a `SecureString`.

    Raises:
        KeysUnavailable: it cannot be read at the moment, or is no secret to sign with. The cause says why.
    """
    client: Any = botocore.session.get_session().create_client("ssm", region_name=region, config=CONFIG)
    try:
        secret: str = client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
        check_secret(secret)
    except (BotoCoreError, ClientError, ValueError) as error:
        raise KeysUnavailable("the secret cannot be read at the moment", retry_after=1) from error
    return secret
