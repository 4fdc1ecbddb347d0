"""Responses in pieces, chunked, truncated and malformed."""

from __future__ import annotations

import random

import pytest

from chalicelib.awshttp import ProtocolError, Response
from chalicelib.awshttp._http11 import MAX_BODY, MAX_HEAD, ResponseParser

COMPLETE = {
    "content length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Response(200, b"hello", True)),
    "no body": (b"HTTP/1.1 410 Gone\r\ncontent-length:0\r\n\r\n", Response(410, b"", True)),
    "closing": (b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\nx", Response(200, b"x", False)),
    "status without body": (b"HTTP/1.1 204 No Content\r\n\r\n", Response(204, b"", True)),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", Response(200, b"x", False)),
    "chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
        Response(200, b"hello0123456789", True),
    ),
    "chunks and trailers": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\nC: d\r\n\r\n",
        Response(200, b"x", True),
    ),
    "interim response": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 429 Slow down\r\nContent-Length: 2\r\n\r\n{}",
        Response(429, b"{}", True),
    ),
    "same length twice": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        Response(200, b"x", True),
    ),
}


@pytest.mark.parametrize("name", COMPLETE)
def test_response_is_parsed_wherever_it_is_split(name: str) -> None:
    data, expected = COMPLETE[name]
    chance = random.Random(name)
    for _ in range(50):
        parser, rest, response = ResponseParser(), data, None
        while rest:
            assert response is None
            size = chance.randint(1, len(rest))
            response, rest = parser.feed(rest[:size]), rest[size:]
        assert response == expected


@pytest.mark.parametrize("name", COMPLETE)
def test_truncated_response_is_not_a_response(name: str) -> None:
    data, _ = COMPLETE[name]
    for end in range(len(data)):
        parser = ResponseParser()
        assert end == 0 or parser.feed(data[:end]) is None
        assert parser.eof() is None


def test_parser_has_started_with_the_first_byte() -> None:
    parser = ResponseParser()
    assert not parser.started
    parser.feed(b"H")
    assert parser.started


def test_body_without_a_length_ends_with_the_connection() -> None:
    parser = ResponseParser()
    assert parser.feed(b"HTTP/1.1 200 OK\r\n\r\nhel") is None
    assert parser.feed(b"lo") is None
    assert parser.eof() == Response(200, b"hello", False)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"SMTP ready\r\n\r\n", "no status line"),
        (b"HTTP/2 200\r\n\r\n", "no status line"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "no status line"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "content length is invalid"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", "two values"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1), "content length is invalid"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy", "after the end"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\rx\r\n\r\nx", "content length is invalid"),
        (
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nCONNECTION: keep-alive\r\nContent-Length: 0\r\n\r\n",
            "two values",
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "coding is unknown"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "without its size"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n", "longer than its size"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % (MAX_BODY + 1), "larger than"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nmore", "after the end"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 2000, "without its size"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a" * MAX_HEAD, "trailers are larger"),
        (b"HTTP/1.1 200 OK\r\n" + b"a" * MAX_HEAD, "head is larger"),
    ],
)
def test_malformed_response_is_a_protocol_error(data: bytes, problem: str) -> None:
    with pytest.raises(ProtocolError, match=problem):
        ResponseParser().feed(data)


def test_endless_body_is_a_protocol_error() -> None:
    parser = ResponseParser()
    parser.feed(b"HTTP/1.1 200 OK\r\n\r\n")
    with pytest.raises(ProtocolError, match="larger than"):
        for _ in range(40):
            parser.feed(b"x" * 1024 * 1024)


def test_body_in_endless_chunks_is_a_protocol_error() -> None:
    parser = ResponseParser()
    parser.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    with pytest.raises(ProtocolError, match="larger than"):
        for _ in range(40):
            parser.feed(b"100000\r\n" + b"x" * 1024 * 1024 + b"\r\n")
