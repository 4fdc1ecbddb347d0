"""Whole text messages in received bytes: a masked, unfragmented frame each (RFC 6455, section 5.2).

Almost all messages of clients have this form. The general way of a message is a parser that makes a frame, a queue
that holds it, and a task that assembles it, several times as much work; a gateway under overload refuses thousands
of messages a second.
"""

from websockets.utils import apply_mask

_TEXT, _MASKED, _TWO_BYTES = 0x81, 0x80, 126


def take_text(data: bytes, start: int, longest: int) -> tuple[str, int] | None:
    """Return the message at `start` and the end of its frame; None for anything else, or anything incomplete.

    Its payload has at most `longest` bytes. Frames that are not taken can be valid.
    """
    payload = start + 6
    if len(data) < payload or data[start] != _TEXT or not data[start + 1] & _MASKED:
        return None
    length = data[start + 1] ^ _MASKED
    if length >= _TWO_BYTES:
        if length > _TWO_BYTES or len(data) < (payload := start + 8):
            return None
        length = int.from_bytes(data[start + 2 : start + 4], "big")
        if length < _TWO_BYTES:
            return None
    end = payload + length
    if length > longest or len(data) < end:
        return None
    try:
        return apply_mask(data[payload:end], data[payload - 4 : payload]).decode(), end
    except UnicodeDecodeError:
        return None
