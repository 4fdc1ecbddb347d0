"""The addresses and URLs that webhooks may have."""

from __future__ import annotations

import pytest

from chalicelib.core.model.webhook_url import WebhookUrl, parse_webhook_url
from chalicelib.webhooks.addresses import is_loopback, is_public

REFUSED = [
    "0.0.0.0", "10.1.2.3",  # noqa: S104
    "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.8.8.8", "169.254.169.254",
    "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1",
    "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.255", "::", "::1", "::ffff:8.8.8.8", "::ffff:127.0.0.1", "::8.8.8.8", "64:ff9b::808:808",
    "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378::1", "2001:20::1", "2001:db8::1", "2002:808:808::1",
    "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
    "2130706433", "0x7f.1", "127.1", "hooks.example.com", "",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.1",
    "172.32.0.1",
    "169.253.0.1",
    "2606:4700::1111",
    "2a00::1",
    "2600::",
]


@pytest.mark.parametrize("address", REFUSED)
def test_address_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_address_is_public(address: str) -> None:
    assert is_public(address)
    assert not is_loopback(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1"])
def test_address_is_loopback(address: str) -> None:
    assert is_loopback(address)


def test_loopback_is_an_address() -> None:
    assert not is_loopback("localhost")


@pytest.mark.parametrize(
    ("url", "host", "target"),
    [
        ("https://hooks.example.com", "hooks.example.com", "/"),
        ("HTTPS://Hooks.Example.com:443/a/b?c=d", "hooks.example.com", "/a/b?c=d"),
        ("https://xn--bcher-kva.example/%20?", "xn--bcher-kva.example", "/%20"),
        ("https://a_b.1.example.co2/", "a_b.1.example.co2", "/"),
    ],
)
def test_url_is_allowed(url: str, host: str, target: str) -> None:
    parsed = parse_webhook_url(url)
    assert parsed == WebhookUrl(host, 443, is_tls=True, target=target)
    assert parsed.host_header == host


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("http://hooks.example.com/", "https"),
        ("ftp://hooks.example.com/", "https"),
        ("//hooks.example.com/", "https"),
        ("hooks.example.com", "https"),
        ("https://hooks.example.com:8443/", "443"),
        ("https://hooks.example.com:80/", "443"),
        ("https://hooks.example.com:99999/", "URL"),
        ("https://hooks.example.com:x/", "URL"),
        ("https://[::1/", "URL"),
        ("https://alice@hooks.example.com/", "user"),
        ("https://alice:secret@hooks.example.com/", "user"),
        ("https://@hooks.example.com/", "user"),
        ("https://hooks.example.com/#part", "fragment"),
        ("https://hooks.example.com/#", "fragment"),
        ("https://hooks.example.com/a b", "ASCII"),
        ("https://hooks.example.com/\r\nX: y", "ASCII"),
        ("https://hooks.example.com\\@x/", "ASCII"),
        ("https://bücher.example/", "ASCII"),
        ("https:///path", "public host"),
        ("https://localhost/", "public host"),
        ("https://example/", "public host"),
        ("https://127.0.0.1/", "public host"),
        ("https://8.8.8.8/", "public host"),
        ("https://127.1/", "public host"),
        ("https://0x7f.0.0.0x1/", "public host"),
        ("https://2130706433/", "public host"),
        ("https://[2606:4700::1111]/", "public host"),
        ("https://[::ffff:127.0.0.1]/", "public host"),
        ("https://hooks.example.com./", "public host"),
        ("https://.example.com/", "public host"),
        ("https://-a.example.com/", "public host"),
        ("https://hooks%2eexample.com/", "public host"),
        (f"https://{'a.' * 130}com/", "public host"),
        (f"https://hooks.example.com/{'a' * 1_000}", "characters"),
    ],
)
def test_url_is_refused_with_the_rule(url: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        parse_webhook_url(url)


def test_local_url_may_be_plain_http_on_any_port() -> None:
    assert parse_webhook_url("http://127.0.0.1:9000/x", local=True) == WebhookUrl("127.0.0.1", 9000, False, "/x")
    assert parse_webhook_url("http://[::1]:9000/", local=True).host_header == "[::1]:9000"
    assert parse_webhook_url("http://localhost", local=True).port == 80
    with pytest.raises(ValueError, match="https"):
        parse_webhook_url("ftp://localhost", local=True)
