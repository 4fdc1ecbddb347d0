"""Whole text messages in received bytes, and everything else, which is left to the parser."""

import random
import threading

import pytest
from websockets.frames import Close, Frame, Opcode

from local.gateway import WebSocketApi
from local.gateway.text_frames import take_text

from .conftest import Serve
from .support import DEADLINE, FakeFunction, raw_socket


def frame(payload: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True, mask: bool = True) -> bytes:
    """Return a frame as the library serializes it."""
    return Frame(opcode, payload, fin).serialize(mask=mask)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 1_000, 65_535])
def test_frames_of_the_library_are_taken_one_after_another(size: int) -> None:
    text = "é" * (size // 2) + "x" * (size % 2)
    data = b"before" + frame(text.encode()) + frame(b"next")
    found = take_text(data, 6, 65_535)
    assert found is not None
    assert found[0] == text
    assert take_text(data, found[1], 65_535) == ("next", len(data))
    assert take_text(data, len(data), 65_535) is None


@pytest.mark.parametrize("end", range(1, 14))
def test_incomplete_frame_is_not_taken(end: int) -> None:
    short, long = frame(b"a message"), frame(b"x" * 300)
    assert take_text(short[:end], 0, 1_000) is None
    assert take_text(long[:end], 0, 1_000) is None


NOT_TAKEN: dict[str, bytes] = {
    "fragment": frame(b"a", fin=False),
    "last fragment": frame(b"a", Opcode.CONT),
    "binary": frame(b"a", Opcode.BINARY),
    "ping": frame(b"a", Opcode.PING),
    "close": frame(b"\x03\xe8", Opcode.CLOSE),
    "not masked": frame(b"a message", mask=False),
    "reserved bit": bytes([0xC1]) + frame(b"a message")[1:],
    "not UTF-8": frame(b"\xff"),
    "too long": frame(b"x" * 1_001),
    "of 64 bits": frame(b"x" * 70_000),
    "length of two bytes instead of one": b"\x81\xfe\x00\x01" + bytes(4) + b"a",
}


@pytest.mark.parametrize("what", NOT_TAKEN)
def test_anything_else_is_left_to_the_parser(what: str) -> None:
    assert take_text(NOT_TAKEN[what], 0, 1_000) is None


def test_random_bytes_are_no_message_of_another_length() -> None:
    generator = random.Random(1)
    for _ in range(3_000):
        data = b"\x81" + generator.randbytes(generator.randrange(40))
        found = take_text(data, 0, 1_000)
        assert found is None or found[1] <= len(data)


# ---- on a connection ---------------------------------------------------------------------------------------


def stream(generator: random.Random, count: int) -> tuple[bytes, list[str]]:
    """Return frames of many kinds, and the messages in them."""
    data, messages = b"", []
    for number in range(count):
        text = f"{number}:" + "x" * generator.choice((0, 3, 120, 130, 3_000))
        messages.append(text)
        kind = generator.randrange(4)
        if kind == 0:
            data += frame(text[:2].encode(), fin=False) + frame(text[2:].encode(), Opcode.CONT)
        elif kind == 1:
            data += frame(b"", Opcode.PING) + frame(text.encode())
        else:
            data += frame(text.encode())
    return data, messages


@pytest.mark.parametrize("seed", range(4))
def test_messages_keep_their_order_however_their_bytes_arrive(serve: Serve, seed: int) -> None:
    """Some are taken at once, others by the parser, and some wait, as only two of them may be in flight."""
    generator, function = random.Random(seed), FakeFunction()
    gateway = serve(WebSocketApi(default=function), handling="serial", messages_in_flight=2)
    data, messages = stream(generator, 60)
    with raw_socket(gateway.ws_url) as socket:
        socket.open()
        while data:
            size = generator.choice((1, 5, 150, 2_000, 9_000))
            socket.sock.sendall(data[:size])
            data = data[size:]
        function.wait_for(len(messages))
    assert function.bodies() == messages


def test_messages_beyond_those_in_flight_wait(serve: Serve) -> None:
    leave = threading.Event()
    function = FakeFunction(lambda event: leave.wait(DEADLINE) and {"statusCode": 200})
    gateway = serve(WebSocketApi(default=function), messages_in_flight=2)
    with raw_socket(gateway.ws_url) as socket:
        socket.open()
        socket.sock.sendall(frame(b"a") + frame(b"b") + frame(b"c") + frame(b"d"))
        function.wait_for(2)
        assert gateway.counters()["websocket.messages"] == 2
        leave.set()
        function.wait_for(4)


def test_message_within_the_fragments_of_another_is_a_protocol_error(serve: Serve) -> None:
    function = FakeFunction()
    gateway = serve(WebSocketApi(default=function))
    with raw_socket(gateway.ws_url) as socket:
        socket.open()
        socket.sock.sendall(frame(b"begins", fin=False) + frame(b"", Opcode.PING))
        assert socket.read_frame().opcode is Opcode.PONG, "so the first one has been parsed"
        socket.send_text("interrupts")
        end = socket.read_frame()
        assert (end.opcode, Close.parse(end.data).code) == (Opcode.CLOSE, 1002)
    assert function.events == []
