"""The settings of the local cloud: the stage `local` of `.chalice/config.json`, and what a run changes in it.

That stage is also what `chalice local --stage local` reads, so that there is one place. A `CHAT_…` variable of
the shell goes before the stage's value; what names AWS does not, unless a store was named too: nobody's real
credentials, profile or region may reach the built-in store or be reached by its tables.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from local.errors import LocalError

ROOT = Path(__file__).resolve().parent.parent
STAGE = "local"
HTTP_PORT = 8000
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_REGION = ("AWS_DEFAULT_REGION", "AWS_REGION")  # boto3 reads the first; Lambda sets both, and programs read either
# Variables through which boto3 would leave the store that was meant for it (boto3 guide, "Configuration").
_CONFLICTING = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL")


@dataclass(frozen=True, slots=True)
class Ports:
    """The three ports of an instance; 0 lets the system choose."""

    http: int = HTTP_PORT
    websocket: int = HTTP_PORT + 1
    store: int = HTTP_PORT + 2

    @classmethod
    def from_base(cls, port: int, websocket: int | None = None, store: int | None = None) -> Ports:
        """`port`, and the next two for what is not named; all chosen by the system where `port` is 0."""
        step = 1 if port else 0
        return cls(
            port,
            port + step if websocket is None else websocket,
            port + 2 * step if store is None else store,
        )


def stage_environment(root: Path = ROOT) -> dict[str, str]:
    """The environment variables of the stage `local`, the ones of the whole app included.

    Raises LocalError when the file is missing or is not what Chalice reads.
    """
    path = root / ".chalice" / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        stage = config["stages"][STAGE]
        variables = {**config.get("environment_variables", {}), **stage.get("environment_variables", {})}
    except FileNotFoundError:
        raise LocalError(f"{path} is missing: it holds the settings of the stage `{STAGE}`.") from None
    except (KeyError, TypeError, AttributeError, ValueError) as exc:
        raise LocalError(f"{path} has no readable stage `{STAGE}` ({type(exc).__name__}: {exc}).") from exc
    return {str(name): str(value) for name, value in variables.items()}


def chat_settings(shell: Mapping[str, str], root: Path = ROOT) -> dict[str, str]:
    """The stage's variables with the `CHAT_…` variables of the shell before them."""
    overrides = {name: value for name, value in shell.items() if name.startswith("CHAT_")}
    return {**stage_environment(root), **overrides}


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine."""
    return urlsplit(url).hostname in LOOPBACK


def built_in_store_settings(settings: Mapping[str, str], url: str) -> dict[str, str]:
    """The settings for the store that we start: the stage's own region and made-up credentials."""
    return {**settings, "AWS_ENDPOINT_URL_DYNAMODB": url, "AWS_ENDPOINT_URL_SQS": url}


def external_store_settings(settings: Mapping[str, str], shell: Mapping[str, str], url: str) -> dict[str, str]:
    """The settings for a store named by its URL: credentials and region are the shell's.

    On this machine the stage's stand in for what the shell does not say; elsewhere boto3 looks for them where
    it always does (profile, container, instance), and for AWS's own address the region is the one in its name.
    """
    result = {name: value for name, value in settings.items() if name not in (*_CREDENTIALS, *_REGION)}
    result["AWS_ENDPOINT_URL_DYNAMODB"] = url
    region = shell.get("AWS_DEFAULT_REGION") or shell.get("AWS_REGION") or _region_from_url(url)
    if is_loopback(url) and not shell.get("AWS_PROFILE"):
        region = region or settings["AWS_DEFAULT_REGION"]
        if not shell.get("AWS_ACCESS_KEY_ID"):
            result |= {name: settings[name] for name in _CREDENTIALS}
    return {**result, **dict.fromkeys(_REGION if region else (), region)}


def _region_from_url(url: str) -> str:
    """The region in AWS's own address (dynamodb.eu-west-1.amazonaws.com), empty for any other."""
    parts = (urlsplit(url).hostname or "").split(".")
    return parts[1] if parts[0] == "dynamodb" and "amazonaws" in parts else ""


def configure_boto3(environment: MutableMapping[str, str], settings: Mapping[str, str], *, built_in: bool) -> None:
    """Leads boto3 in this process to the store: puts in the `AWS_…` settings, takes out what contradicts them.

    A proxy that the shell names is bypassed for this machine: boto3 would ask it for 127.0.0.1 too.
    """
    if built_in:
        for name in _CONFLICTING:
            environment.pop(name, None)
    environment.update({name: value for name, value in settings.items() if name.startswith("AWS_")})
    environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "false"
    for name in ("NO_PROXY", "no_proxy"):
        environment[name] = ",".join([*filter(None, [environment.get(name)]), "127.0.0.1", "localhost"])
