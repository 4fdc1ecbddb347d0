"""TLS over real sockets: peers are verified, and the certificate authorities come from the machine."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from bench import certificates
from chalicelib.awshttp import TlsContext
from tests.support.raw_peer import raw_peer
from tests.unit.awshttp.fakes import FakeTransfer, PoolRig, connections_used, transfers


@pytest.fixture
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> certificates.Certificates:
    """A certificate whose authority is the only one that is trusted."""
    made = certificates.make(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    return made


def test_verified_connections_are_kept(certified: certificates.Certificates) -> None:
    with raw_peer(certified.server_context()) as peer:
        client = PoolRig(peer.url)
        assert client.send(*transfers(8, b"x" * 128 * 1024)) == [200] * 8
        assert client.send(*transfers(8)) == [200] * 8
        assert len(peer.connections) == 8


def test_connection_that_the_peer_closed_is_not_reused(certified: certificates.Certificates) -> None:
    with raw_peer(certified.server_context()) as peer:
        client = PoolRig(peer.url)
        assert client.send() == [200]
        peer.hang_up()
        assert client.send(FakeTransfer()) == [200]
        assert connections_used(peer) == [0, 1]


def test_certificate_of_an_unknown_authority_is_rejected(
    certified: certificates.Certificates, tmp_path: Path
) -> None:
    other = certificates.make(tmp_path / "other")
    with raw_peer(other.server_context()) as peer:
        assert PoolRig(peer.url).send() == [0]
        assert peer.requests == []


def test_certificate_for_another_host_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = certificates.make(tmp_path, name="another.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    with raw_peer(made.server_context()) as peer:
        assert PoolRig(peer.url).send() == [0]
        assert peer.requests == []


def test_authority_that_is_not_amazons_is_found_in_the_full_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    amazons = certificates.make(tmp_path / "aws")
    other = certificates.make(tmp_path / "other", authority="Another authority")
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(amazons.authority.read_bytes() + other.authority.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with raw_peer(other.server_context()) as peer:
        assert PoolRig(peer.url).send() == [200]


def test_full_store_is_loaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    amazons = certificates.make(tmp_path / "aws")
    other = certificates.make(tmp_path / "other", authority="Another authority")
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(amazons.authority.read_bytes() + other.authority.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    tls = TlsContext()
    assert len(tls.context().get_ca_certs()) == 1
    assert tls.use_full_store()
    assert len(tls.context().get_ca_certs()) >= 2
    assert not tls.use_full_store()


def test_context_verifies_names_and_requires_tls_1_2(certified: certificates.Certificates) -> None:
    context = TlsContext().context()
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("text", [None, b"", b"no certificates", b"-----BEGIN CERTIFICATE-----\n!\n"])
def test_full_store_is_used_without_a_readable_file(
    text: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "bundle.pem"
    if text is not None:
        file.write_bytes(text)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    tls = TlsContext()
    assert tls.context().verify_mode == ssl.CERT_REQUIRED
    assert not tls.use_full_store()
