"""Profiles: servers and credentials, in a file that only its owner can read."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from .errors import UNAUTHORIZED, CommandError
from .token_command import printed_token

TOKEN_VARIABLE = "CHAT_TOKEN"  # noqa: S105 -- the name of a variable
URL_VARIABLES = ("CHAT_HTTP_URL", "CHAT_WS_URL")
"""The server in place of a profile; its token is that of the environment, never a stored one of another server."""
DEFAULT_PROFILE = "default"


@dataclass(frozen=True, slots=True)
class Profile:
    """A server, and either a token or a command that prints one."""

    http_url: str
    ws_url: str
    token: str | None = None
    token_command: str | None = None

    async def fetch_token(self) -> str:
        """Return the token of the environment, of the command, or of the profile. Raises CommandError."""
        if token := os.environ.get(TOKEN_VARIABLE):
            return token
        if self.token_command:
            return await printed_token(self.token_command)
        if self.token:
            return self.token
        raise CommandError(f"There is no token: run `chat login`, or set {TOKEN_VARIABLE}.", UNAUTHORIZED)


def default_path() -> Path:
    """Return the path of the file of profiles."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "serverless-chat" / "profiles.json"


def load(path: Path, name: str) -> Profile:
    """Return a profile, or the server that the environment names.

    Raises CommandError if the profile does not exist, or if others can read the file.
    """
    urls = [os.environ.get(variable) for variable in URL_VARIABLES]
    if urls[0] and urls[1]:
        return Profile(urls[0], urls[1])
    values = _stored(path)
    if os.name == "posix" and values and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise CommandError(f"Others can read {path}: run `chmod 600 {path}`, and replace the tokens in it.")
    if name not in values:
        raise CommandError(f"There is no profile {name!r}: run `chat login --profile {name}`.", UNAUTHORIZED)
    known = {field.name for field in fields(Profile)}
    try:
        return Profile(**{key: value for key, value in values[name].items() if key in known})
    except (AttributeError, TypeError):
        raise CommandError(f"The profile {name!r} in {path} is incomplete: run `chat login` again.") from None


def save(path: Path, name: str, profile: Profile) -> None:
    """Store a profile beside the others. The file is replaced as a whole, and is never readable by others."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    values = _stored(path)
    values[name] = {key: value for key, value in asdict(profile).items() if value is not None}
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(values, file, indent=2)
    temporary.replace(path)


def _stored(path: Path) -> dict[str, dict[str, str]]:
    """Return all profiles. Raises CommandError if the file is damaged."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise CommandError(f"{path} is not a file of profiles: repair or remove it.")
    return values
