"""The fetch of a key set over the network, against real servers on this machine."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from chalicelib.identity.errors import InvalidToken
from chalicelib.identity.http_fetch import get_document
from chalicelib.identity.jwks import JwksKeys
from chalicelib.identity.settings import IdentitySettings
from chalicelib.identity.tokens import TokenVerifier
from tests.support.fakes import FakeClock

from .minting import NOW, Keys, claims, ec_jwk, es256, jwk_set, rs256, rsa_jwk

PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class KeyServer(BaseHTTPRequestHandler):
    """Answers by the path; `seen` holds the request lines."""

    protocol_version = "HTTP/1.1"
    documents: dict[str, bytes]
    seen: list[str]

    def do_GET(self) -> None:
        self.seen.append(self.requestline)
        answer: Callable[[], None] | None = getattr(self, f"answer_{self.path.strip('/')}", None)
        if answer is not None:
            answer()
        else:
            self._send(200 if self.path in self.documents else 404, self.documents.get(self.path, b"not found"))

    def do_CONNECT(self) -> None:
        self.seen.append(self.requestline)
        self._send(502, b"")

    def answer_moved(self) -> None:
        self._send(302, b"", Location="/jwks")

    def answer_created(self) -> None:
        self._send(201, b'{"keys": []}')

    def answer_failing(self) -> None:
        self._send(500, b"secret details")

    def answer_endless(self) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self._drip(b"x" * 65536, pause=0.0)

    def answer_dripping(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self._drip(b" ", pause=0.02)

    def answer_hanging(self) -> None:
        self.connection.recv(1)  # until the client gives up

    def _drip(self, piece: bytes, pause: float) -> None:
        try:
            while True:
                self.wfile.write(piece)
                time.sleep(pause)
        except OSError:
            self.close_connection = True

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        pass


class Running(ThreadingHTTPServer):
    """A key server and its address."""

    daemon_threads = True

    def __init__(self, documents: dict[str, bytes], tls: ssl.SSLContext | None) -> None:
        self.seen: list[str] = []
        handler = type("Handler", (KeyServer,), {"documents": documents, "seen": self.seen})
        super().__init__(("127.0.0.1", 0), handler)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_address[1]}"
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is what some of the tests are about."""


@contextmanager
def serving(documents: dict[str, bytes], tls: ssl.SSLContext | None = None) -> Iterator[Running]:
    with Running(documents, tls) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[Running]:
    with serving({"/jwks": b'{"keys": []}', "/full": b"x" * 262_144, "/over": b"x" * 262_145}) as running:
        yield running


def test_tokens_are_verified_with_keys_of_a_real_server_across_a_rotation(keys: Keys) -> None:
    documents = {"/jwks": jwk_set(rsa_jwk(keys.rsa, kid="old"))}
    with serving(documents) as server:
        url = f"{server.url}/jwks"
        pause = FakeClock(0.0)
        settings = IdentitySettings(secret=None, jwks_url=url, issuer=None, audience=None)
        verifier = TokenVerifier(settings, keys=JwksKeys(url, clock=pause.now), clock=FakeClock(NOW).now)
        old = rs256(claims(), keys.rsa, kid="old")
        new = es256(claims(), keys.p256, kid="new")

        assert [verifier.verify(old).participant_id for _ in range(3)] == ["alice"] * 3
        assert server.seen == ["GET /jwks HTTP/1.1"]

        documents["/jwks"] = jwk_set(rsa_jwk(keys.rsa, kid="old"), ec_jwk(keys.p256, kid="new"))
        with pytest.raises(InvalidToken, match="unknown key"):
            verifier.verify(new)
        pause.set(10.0)
        assert verifier.verify(new).participant_id == "alice"
        assert verifier.verify(old).participant_id == "alice"
        assert len(server.seen) == 2


def test_body_of_a_successful_response_is_returned(server: Running) -> None:
    assert get_document(f"{server.url}/jwks") == b'{"keys": []}'


def test_body_above_256_kb_is_refused(server: Running) -> None:
    assert len(get_document(f"{server.url}/full")) == 262_144
    for path in ("over", "endless"):
        with pytest.raises(OSError, match="larger than 262144 bytes"):
            get_document(f"{server.url}/{path}")


@pytest.mark.parametrize(("path", "status"), [("missing", 404), ("failing", 500), ("created", 201)])
def test_other_status_than_200_fails_without_the_body_in_the_error(
    server: Running, path: str, status: int
) -> None:
    with pytest.raises(OSError, match=f"^the key server responded with status {status}$"):
        get_document(f"{server.url}/{path}")


def test_connection_is_closed_even_if_the_error_is_kept(server: Running) -> None:
    with pytest.raises(OSError) as caught:
        get_document(f"{server.url}/missing")
    answer = caught.value.__context__
    assert isinstance(answer, HTTPError)
    assert answer.closed


def test_redirects_are_not_followed(server: Running) -> None:
    with pytest.raises(OSError, match="status 302"):
        get_document(f"{server.url}/moved")
    assert server.seen == ["GET /moved HTTP/1.1"]


@pytest.mark.parametrize("path", ["dripping", "hanging"])
def test_slow_response_times_out(server: Running, path: str) -> None:
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        get_document(f"{server.url}/{path}", timeout=0.2)
    assert time.monotonic() - start < 10.0


def test_unreachable_server_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(OSError, match="refused"):
        get_document(f"http://127.0.0.1:{port}/jwks")


def test_response_that_is_not_http_fails() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet() -> None:
            with listening.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(b"220 mail.example ESMTP\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(OSError, match="not valid HTTP"):
            get_document(f"http://127.0.0.1:{listening.getsockname()[1]}/jwks")
        thread.join()


@pytest.mark.parametrize("url", ["http://idp.example/jwks", "file:///etc/hostname", "ftp://127.0.0.1/jwks"])
def test_a_url_that_is_not_allowed_is_not_fetched(url: str) -> None:
    with pytest.raises(ValueError, match="JWKS URL"):
        get_document(url)


# Proxies


def test_https_goes_through_the_proxy_of_the_environment(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", server.url)
    with pytest.raises(OSError, match="502"):
        get_document("https://idp.example/jwks")
    assert [line.rsplit(" ", 1)[0] for line in server.seen] == ["CONNECT idp.example:443"]


def test_loopback_address_is_reached_without_a_proxy(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({}) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert get_document(f"{server.url}/jwks") == b'{"keys": []}'
        assert proxy.seen == []


# Certificates


def self_signed(keys: Keys, directory: Path) -> Path:
    """A file with a certificate for 127.0.0.1 and its key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=keys.p256.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(keys.p256, hashes.SHA256())
    )
    key = keys.p256.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = directory / "certificate.pem"
    path.write_bytes(certificate.public_bytes(Encoding.PEM) + key)
    return path


@pytest.fixture
def tls_server(keys: Keys, tmp_path: Path) -> Iterator[tuple[Running, Path]]:
    path = self_signed(keys, tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    serve: AbstractContextManager[Running] = serving({"/jwks": b'{"keys": []}'}, context)
    with serve as running:
        yield running, path


def test_certificate_of_an_untrusted_authority_is_refused(tls_server: tuple[Running, Path]) -> None:
    server, _ = tls_server
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        get_document(f"{server.url}/jwks")
    assert server.seen == []


def test_a_trusted_certificate_is_accepted(
    tls_server: tuple[Running, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, certificate = tls_server
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert get_document(f"{server.url}/jwks") == b'{"keys": []}'
