"""The server of the web page: the files of its build, `config.json`, and tokens for development.

It answers only requests that are addressed to it by one of its own names, and gives tokens only to its own page:
a page of another origin cannot forge `Origin`, and one that has its name resolved to this machine (DNS rebinding)
sends that name as `Host`.
"""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
from aiohttp import web

from infra.web.config import PageConfig
from infra.web.headers import NEVER_STORED, cache_control, media_type, security_headers, sharing_headers
from local.errors import LocalError
from local.gateway.ports import BACKLOG, HOST
from local.tokens import DAY, mint_for
from local.web.page_build import PageBuild
from local.web.status_page import STATUS_PAGE_TYPE, absent_page, building_page

INDEX = "index.html"
MAX_BODY = 4096
SHUTDOWN_SECONDS = 0.3
HTTP_DEFAULT_PORT = 80


class PageServer:
    """See the module. `names` are the display names of participants that the page offers, by their ids."""

    def __init__(
        self,
        dist: Path,
        build: PageBuild,
        config: PageConfig,
        settings: Mapping[str, str],
        names: Mapping[str, str],
    ) -> None:
        self._dist = dist
        self._build = build
        self._config = config
        self._settings = settings
        self._names = names
        self._hosts: frozenset[str] = frozenset()
        self._headers = security_headers(config.content_security_policy())
        self._runner: web.ServerRunner | None = None

    async def start(self, listener: socket.socket) -> None:
        """Begin to serve on a bound socket."""
        port = listener.getsockname()[1]
        self._hosts = own_hosts(port)
        server = web.Server(self._handle, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_SECONDS)
        await self._runner.setup()
        await web.SockSite(self._runner, listener, backlog=BACKLOG).start()

    async def stop(self) -> None:
        """Stop serving."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        response = await self._respond(request)
        for name, value in self._headers.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Cache-Control", NEVER_STORED)
        return response

    async def _respond(self, request: web.BaseRequest) -> web.Response:
        if request.headers.get("Host") not in self._hosts:
            return _refusal(403, "FORBIDDEN", "This server answers requests to its own address only.")
        path = request.path.removeprefix("/") or INDEX
        if path == "token":
            return await self._token(request)
        if request.method not in ("GET", "HEAD"):
            response = _refusal(405, "METHOD_NOT_ALLOWED", f"{request.method} is not available here.")
            response.headers["Allow"] = "GET, HEAD"
            return response
        if path == "config.json":
            return web.json_response(self._config.to_json())
        return self._file(request, path)

    def _file(self, request: web.BaseRequest, path: str) -> web.Response:
        if self._build.state != "ready":
            if path != INDEX:
                return _refusal(503, "UNAVAILABLE", "The web page is not built.")
            building = self._build.state == "building"
            page = building_page() if building else absent_page(self._build.failure)
            return web.Response(status=503, text=page, content_type=STATUS_PAGE_TYPE, charset="utf-8")
        file = self._dist / path
        try:
            is_ours = file.resolve().is_relative_to(self._dist.resolve()) and file.is_file()
        except (OSError, ValueError):  # a name that no file can have
            is_ours = False
        if not is_ours:
            return _refusal(404, "NOT_FOUND", "There is no such file.")
        content = file.read_bytes()
        headers = {
            "Cache-Control": cache_control(path),
            "ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"',
            **sharing_headers(path),
        }
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return web.Response(status=304, headers=headers)
        return web.Response(body=content, headers={"Content-Type": media_type(path), **headers})

    async def _token(self, request: web.BaseRequest) -> web.Response:
        if request.method != "POST":
            response = _refusal(405, "METHOD_NOT_ALLOWED", "POST {participant_id} returns a token.")
            response.headers["Allow"] = "POST"
            return response
        is_own_page = request.headers.get("Origin") == f"http://{request.headers['Host']}"
        if not is_own_page or request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            return _refusal(403, "FORBIDDEN", "Only the page of this server receives tokens.")
        if request.content_type != "application/json":
            return _refusal(415, "INVALID_REQUEST", "The body must be JSON, with Content-Type: application/json.")
        try:
            participant_id, name = _requested(await _read(request))
            token = mint_for(participant_id, name or self._names.get(participant_id), DAY, self._settings)
        except (LocalError, ValueError, RecursionError) as error:
            return _refusal(400, "INVALID_REQUEST", str(error))
        claims = jwt.decode(token, options={"verify_signature": False})
        return web.json_response({"token": token, "expires_at": claims["exp"]})


def own_hosts(port: int) -> frozenset[str]:
    """Return the values of `Host` that name a server on this port of this machine."""
    names = (HOST, "localhost")
    return frozenset({f"{name}:{port}" for name in names} | (set(names) if port == HTTP_DEFAULT_PORT else set()))


async def _read(request: web.BaseRequest) -> bytes:
    body = await request.content.read(MAX_BODY + 1)
    while len(body) <= MAX_BODY and (chunk := await request.content.read(MAX_BODY + 1 - len(body))):
        body += chunk
    if len(body) > MAX_BODY:
        raise ValueError(f"The body is longer than {MAX_BODY} bytes.")
    return body


def _requested(body: bytes) -> tuple[str, str | None]:
    """Return the participant id and the name of a request for a token. Raises ValueError."""
    content: Any = json.loads(body)
    participant_id = content.get("participant_id") if isinstance(content, dict) else None
    name = content.get("name") if isinstance(content, dict) else None
    if not isinstance(participant_id, str) or not (name is None or isinstance(name, str)):
        raise ValueError('The body must be {"participant_id": "…"}, optionally with "name".')
    return participant_id, name


def _refusal(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)
