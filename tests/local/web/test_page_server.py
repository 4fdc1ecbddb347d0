"""The page's server: its headers, and that only its own page receives tokens."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest

from infra.web.config import PageConfig, development_identity
from local.errors import LocalError
from local.event_loop import LoopThread
from local.gateway.ports import listen
from local.web.page_build import PageBuild
from local.web.page_server import MAX_BODY, PageServer
from local.web.serving import bound

SECRET = "a secret of thirty-two characters or more"
NAMES = {"alice": "Alice"}
CONFIG = PageConfig("http://127.0.0.1:8000", "ws://127.0.0.1:8001/local", development_identity(NAMES))


@dataclass
class Site:
    """A server of a small page."""

    port: int

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(
        self, method: str, path: str, body: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        content = (body or "").encode()
        fields = {"Host": f"127.0.0.1:{self.port}", "Content-Length": str(len(content)), **headers}
        for name, value in fields.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders(content)
        response = connection.getresponse()
        answer = response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        connection.close()
        return answer

    def token(self, body: object = None, **headers: str) -> tuple[int, Any]:
        fields = {"Origin": self.origin, "Content_Type": "application/json", **headers}
        content = json.dumps({"participant_id": "alice"} if body is None else body)
        status, _, answer = self.request("POST", "/token", content, **fields)
        return status, json.loads(answer)


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>Chat</title>", encoding="utf-8")
    (folder / "serverless-chat.js").write_text("1", encoding="utf-8")
    (folder / "assets" / "a-1.js").write_text("2", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    return folder


@pytest.fixture
def site(dist: Path) -> Iterator[Site]:
    (listener,) = listen([0])
    loop = LoopThread("page")
    server = PageServer(dist, PageBuild(dist), CONFIG, {"CHAT_JWT_SECRET": SECRET}, NAMES)
    loop.run(server.start(listener), 10)
    yield Site(listener.getsockname()[1])
    loop.run(server.stop(), 10)
    loop.stop()


def test_page_has_security_headers_and_may_contact_the_chat_only(site: Site) -> None:
    status, headers, body = site.request("GET", "/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert body == b"<title>Chat</title>"
    directives = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == "'self'"
    assert directives["connect-src"] == "'self' http://127.0.0.1:8000 ws://127.0.0.1:8001"
    assert directives["img-src"] == "'self' data:"
    assert directives["require-trusted-types-for"] == "'script'"
    assert directives["trusted-types"] == directives["frame-ancestors"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("path", "cached", "shared"),
    [
        ("/", "no-cache", "same-origin"),
        ("/serverless-chat.js", "no-cache", "cross-origin"),
        ("/assets/a-1.js", "public, max-age=31536000, immutable", "cross-origin"),
        ("/config.json", "no-store", "same-origin"),
    ],
)
def test_files_are_cached_by_their_names_and_only_the_component_is_shared(
    site: Site, path: str, cached: str, shared: str
) -> None:
    status, headers, _ = site.request("GET", path)
    assert (status, headers["cache-control"], headers["cross-origin-resource-policy"]) == (200, cached, shared)
    assert headers.get("access-control-allow-origin") == ("*" if shared == "cross-origin" else None)


def test_unchanged_file_is_not_sent_again(site: Site) -> None:
    etag = site.request("GET", "/")[1]["etag"]
    status, _, body = site.request("GET", "/", If_None_Match=etag)
    assert (status, body) == (304, b"")


@pytest.mark.parametrize("path", ["/../secret.txt", "/%2e%2e/secret.txt", "/assets", "/absent.js", "//secret.txt"])
def test_files_outside_of_the_build_do_not_exist(site: Site, path: str) -> None:
    assert site.request("GET", path)[0] == 404


@pytest.mark.parametrize("path", ["/%00", "/" + "a" * 300], ids=["null byte", "long"])
def test_names_that_no_file_can_have_do_not_exist(site: Site, path: str) -> None:
    status, headers, _ = site.request("GET", path)
    assert status == 404
    assert headers["x-content-type-options"] == "nosniff"


def test_configuration_names_the_chat_and_the_demo_participants(site: Site) -> None:
    assert json.loads(site.request("GET", "/config.json")[2]) == {
        "http_url": "http://127.0.0.1:8000",
        "ws_url": "ws://127.0.0.1:8001/local",
        "identity": {"kind": "development", "participants": [{"participant_id": "alice", "name": "Alice"}]},
        "image_origins": [],
        "vapid_key": None,
    }


def test_own_page_receives_a_token_with_its_end(site: Site) -> None:
    status, answer = site.token(Sec_Fetch_Site="same-origin")
    claims = jwt.decode(answer["token"], SECRET, algorithms=["HS256"])
    assert (status, claims["sub"], claims["name"], claims["exp"]) == (200, "alice", "Alice", answer["expires_at"])


def test_page_opened_as_localhost_receives_a_token(site: Site) -> None:
    host = f"localhost:{site.port}"
    assert site.token(Host=host, Origin=f"http://{host}")[0] == 200
    assert site.token({"participant_id": "dave", "name": "Dave"})[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:8000"},  # another page on this machine
        {"Origin": "null"},
        {"Origin": ""},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Host": "evil.example", "Origin": "http://evil.example"},  # DNS rebinding
        {"Host": "127.0.0.1.evil.example"},
        {"Host": ""},
    ],
)
def test_other_pages_receive_no_token(site: Site, headers: dict[str, str]) -> None:
    status, answer = site.token(**headers)
    assert (status, set(answer)) == (403, {"error"})


@pytest.mark.parametrize("path", ["/", "/config.json", "/serverless-chat.js"])
def test_rebound_name_receives_nothing(site: Site, path: str) -> None:
    assert site.request("GET", path, Host=f"evil.example:{site.port}")[0] == 403


def test_token_is_not_available_by_get_or_with_a_form(site: Site) -> None:
    assert site.request("GET", "/token", Origin=site.origin)[0] == 405
    assert site.token(Content_Type="text/plain")[0] == 415
    assert site.request("POST", "/")[0] == 405


@pytest.mark.parametrize(
    "body", [[], {}, {"participant_id": 1}, {"participant_id": "with space"}, {"participant_id": "a" * MAX_BODY}]
)
def test_invalid_request_for_a_token_is_rejected_with_a_reason(site: Site, body: object) -> None:
    status, answer = site.token(body)
    assert (status, answer["error"]["code"]) == (400, "INVALID_REQUEST")
    assert answer["error"]["message"]


def test_request_for_a_token_that_is_nested_too_deep_is_rejected_with_a_reason(site: Site) -> None:
    headers = {"Origin": site.origin, "Content_Type": "application/json"}
    status, _, answer = site.request("POST", "/token", "[" * (MAX_BODY - 1), **headers)
    assert (status, json.loads(answer)["error"]["code"]) == (400, "INVALID_REQUEST")


def test_missing_page_is_explained_while_the_configuration_is_served(site: Site, dist: Path) -> None:
    (dist / "index.html").unlink()
    status, headers, body = site.request("GET", "/")
    assert status == 503
    assert b"without its web page" in body
    assert "refresh" not in body.decode()
    assert "default-src 'none'" in headers["content-security-policy"]
    assert site.request("GET", "/config.json")[0] == 200


def test_port_in_use_is_an_error_that_names_the_option(site: Site) -> None:
    with pytest.raises(LocalError, match=rf"port {site.port} .* --web-port"), bound(site.port):
        pass
