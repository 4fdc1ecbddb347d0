"""The settings of the local cloud: stage `local` of `.chalice/config.json`, with the overrides of a run.

`chalice local --stage local` reads the same stage. A `CHAT_…` environment variable overrides the stage's value.
An `AWS_…` variable does so only with an external store: real credentials, profiles and regions must never be used
with the built-in store.
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
_REGION = ("AWS_DEFAULT_REGION", "AWS_REGION")  # boto3 reads the first; Lambda sets both
# Variables that would make boto3 use something other than the built-in store (boto3 guide, "Configuration").
_CONFLICTING = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL")


@dataclass(frozen=True, slots=True)
class Ports:
    """The ports of an instance; 0 lets the operating system choose."""

    http: int = HTTP_PORT
    websocket: int = HTTP_PORT + 1
    store: int = HTTP_PORT + 2
    web: int = HTTP_PORT + 3

    @classmethod
    def from_base(
        cls, port: int, websocket: int | None = None, store: int | None = None, web: int | None = None
    ) -> Ports:
        """Return `port` and, where not given, the next three; 0 for each of them if `port` is 0."""
        step = 1 if port else 0
        return cls(
            port,
            port + step if websocket is None else websocket,
            port + 2 * step if store is None else store,
            port + 3 * step if web is None else web,
        )


def stage_environment(root: Path = ROOT) -> dict[str, str]:
    """Return the environment variables of stage `local`, including those of the whole app.

    Raises LocalError if the file is missing or invalid.
    """
    path = root / ".chalice" / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        stage = config["stages"][STAGE]
        variables = {**config.get("environment_variables", {}), **stage.get("environment_variables", {})}
    except FileNotFoundError:
        raise LocalError(f"{path} is missing: it defines the settings of stage `{STAGE}`.") from None
    except (KeyError, TypeError, AttributeError, ValueError) as exc:
        raise LocalError(f"{path} has no valid stage `{STAGE}` ({type(exc).__name__}: {exc}).") from exc
    return {str(name): str(value) for name, value in variables.items()}


def chat_settings(shell: Mapping[str, str], root: Path = ROOT) -> dict[str, str]:
    """Return the stage's variables, overridden by the shell's `CHAT_…` variables."""
    overrides = {name: value for name, value in shell.items() if name.startswith("CHAT_")}
    return {**stage_environment(root), **overrides}


def is_loopback(url: str) -> bool:
    """Return whether the URL's host is this machine."""
    return urlsplit(url).hostname in LOOPBACK


def built_in_store_settings(settings: Mapping[str, str], url: str) -> dict[str, str]:
    """Return the settings for the built-in store, with the stage's region and dummy credentials."""
    return {**settings, "AWS_ENDPOINT_URL_DYNAMODB": url, "AWS_ENDPOINT_URL_SQS": url}


def external_store_settings(settings: Mapping[str, str], shell: Mapping[str, str], url: str) -> dict[str, str]:
    """Return the settings for an external store, with the shell's credentials and region.

    For a store on this machine, the stage's values are the defaults. Otherwise boto3 looks for credentials in its
    usual places (profile, container, instance), and the region of an AWS endpoint is taken from its host name.
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
    """Return the region in the host name of an AWS endpoint (dynamodb.eu-west-1.amazonaws.com), or ""."""
    parts = (urlsplit(url).hostname or "").split(".")
    return parts[1] if parts[0] == "dynamodb" and "amazonaws" in parts else ""


def configure_boto3(environment: MutableMapping[str, str], settings: Mapping[str, str], *, built_in: bool) -> None:
    """Make boto3 use the store: set the `AWS_…` settings and remove conflicting variables.

    Excludes this machine from a configured proxy, which boto3 would otherwise use for 127.0.0.1 too.
    """
    if built_in:
        for name in _CONFLICTING:
            environment.pop(name, None)
    environment.update({name: value for name, value in settings.items() if name.startswith("AWS_")})
    environment["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "false"
    for name in ("NO_PROXY", "no_proxy"):
        environment[name] = ",".join([*filter(None, [environment.get(name)]), "127.0.0.1", "localhost"])
