"""Answers in pieces, chunked, truncated, and such as are none."""

from __future__ import annotations

import random

import pytest

from chalicelib.awshttp._http11 import MAX_BODY, MAX_HEAD, ProtocolError, Response, ResponseParser

WHOLE = {
    "a length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Response(200, b"hello", True)),
    "no body": (b"HTTP/1.1 410 Gone\r\ncontent-length:0\r\n\r\n", Response(410, b"", True)),
    "closing": (b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\nx", Response(200, b"x", False)),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", Response(204, b"", True)),
    "an old peer": (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", Response(200, b"x", False)),
    "chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
        Response(200, b"hello0123456789", True),
    ),
    "chunks with trailers": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n",
        Response(200, b"x", True),
    ),
    "an announcement": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 Slow down\r\nContent-Length: 2\r\n\r\n{}",
        Response(429, b"{}", True),
    ),
    "the same length twice": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        Response(200, b"x", True),
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_is_read_however_it_is_cut(name: str) -> None:
    data, expected = WHOLE[name]
    chance = random.Random(name)
    for _ in range(50):
        reader, rest, found = ResponseParser(), data, None
        while rest:
            assert found is None
            size = chance.randint(1, len(rest))
            found, rest = reader.feed(rest[:size]), rest[size:]
        assert found == expected


@pytest.mark.parametrize("name", WHOLE)
def test_an_answer_that_is_cut_off_is_none(name: str) -> None:
    data, _ = WHOLE[name]
    for end in range(len(data)):
        reader = ResponseParser()
        assert end == 0 or reader.feed(data[:end]) is None
        assert reader.eof() is None


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    reader = ResponseParser()
    assert reader.feed(b"HTTP/1.1 200 OK\r\n\r\nhel") is None
    assert reader.feed(b"lo") is None
    assert reader.eof() == Response(200, b"hello", False)


@pytest.mark.parametrize(
    "data",
    [
        b"SMTP ready\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1),
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\rx\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nCONNECTION: keep-alive\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % (MAX_BODY + 1),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nmore",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 2000,
        b"HTTP/1.1 200 OK\r\n" + b"a" * MAX_HEAD,
    ],
)
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        ResponseParser().feed(data)


def test_a_body_without_end_is_refused() -> None:
    reader = ResponseParser()
    reader.feed(b"HTTP/1.1 200 OK\r\n\r\n")
    with pytest.raises(ProtocolError):
        for _ in range(40):
            reader.feed(b"x" * 1024 * 1024)
