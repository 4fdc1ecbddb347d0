"""Validation of requests and commands, and the descriptions of errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from chalicelib.core.kernel.errors import ChatError, InvalidJson, TooLarge, UnknownCommand, ValidationFailed
from chalicelib.core.kernel.limits import Limits
from chalicelib.core.protocol import commands, field_rules, parsing, queries, requests
from chalicelib.core.protocol.validation import Request, validated
from tests.support.bad_values import rejected_by

LIMITS = Limits()
CONV = "conv_" + "a" * 22
CHANGE = {"conversation_id": CONV, "target": 2}
MESSAGE = {"type": "message", "conversation_id": CONV, "client_message_id": "m1", "content": "hi"}


def body(model: type[BaseModel], value: Any, limits: Limits = LIMITS) -> BaseModel:
    return requests.parse_body(model, json.dumps(value).encode(), limits)


def problems(model: type[BaseModel], value: Any, limits: Limits = LIMITS) -> dict[str, str]:
    with pytest.raises(ValidationFailed) as refused:
        body(model, value, limits)
    return {detail["path"]: detail["problem"] for detail in refused.value.details or []}


def command(frame: Any) -> commands.Command | ChatError:
    return parsing.parse_command(frame if isinstance(frame, str) else json.dumps(frame), LIMITS)[0]


# ---- bad values of every field -------------------------------------------------------------------------

BODIES: list[type[Request]] = [
    requests.CreateConversation,
    requests.UpdateConversation,
    requests.Join,
    requests.NewParticipant,
    requests.UpdateParticipant,
    requests.CreateInvite,
    requests.SendMessage,
    requests.EditMessage,
    requests.MoveReadPointer,
]
MODELS = [*BODIES, *parsing.COMMANDS.values()]
FIELDS = [(model, field) for model in MODELS for field in model.model_fields]


@pytest.mark.parametrize(("model", "field"), FIELDS, ids=lambda part: getattr(part, "__name__", part))
def test_bad_value_is_rejected_and_its_field_named(model: type[Request], field: str) -> None:
    bad_values = rejected_by(model, field)
    assert bad_values or field in ("subscribe", "heads")
    for kind, bad in bad_values.items():
        with pytest.raises(ValidationFailed) as rejected:
            validated(model, json.loads(f'{{"{field}": {bad.text}}}'), LIMITS)
        paths = [problem["path"] for problem in rejected.value.details or []]
        assert (f"{field}.{bad.at}" if bad.at else field) in paths, kind


# ---- texts ---------------------------------------------------------------------------------------------

GOOD_TEXTS = [
    "a",
    " a ",
    "\n\t\r x",
    "👩‍👩‍👧",
    "مرحبا",
    "e\u0301",
    "\u200bx",
    "<script>",
    "a" * 10_000,
    "ü" * 10_000,
]
BAD_TEXTS = [
    "",
    " ",
    "\n\t",
    "\u3000",
    "a\x00",
    "\x1b[0m",
    "\x7f",
    "\u0085x",
    "\u2800",
    "\u200b",
    "\u0301",
    "\x0b",
    "a\ud800",
    "\udfffa",
    "a" * 10_001,
    "𝄞" * 6_001,
]


@pytest.mark.parametrize("text", GOOD_TEXTS)
def test_text_is_kept_unchanged(text: str) -> None:
    parsed = body(requests.SendMessage, {"content": text})
    assert isinstance(parsed, requests.SendMessage)
    assert parsed.content == text


@pytest.mark.parametrize("text", BAD_TEXTS)
def test_invalid_text_is_rejected(text: str) -> None:
    assert set(problems(requests.SendMessage, {"content": text})) == {"content"}


def test_content_is_limited_in_characters_and_bytes() -> None:
    assert "characters" in problems(requests.SendMessage, {"content": "a" * 10_001})["content"]
    assert "bytes" in problems(requests.SendMessage, {"content": "€" * 8_001})["content"]
    body(requests.SendMessage, {"content": "€" * 8_000})


def test_limits_are_configurable() -> None:
    assert problems(requests.SendMessage, {"content": "abcd"}, Limits(content_characters=3))
    assert problems(requests.CreateConversation, {"title": "abcd"}, Limits(title_characters=3))
    assert problems(requests.SendMessage, {"content": "a", "mentions": ["x", "y"]}, Limits(mentions=1))
    assert problems(requests.SendMessage, {"content": "a", "metadata": {"k": "v" * 9}}, Limits(metadata_bytes=10))
    with pytest.raises(TooLarge):
        body(requests.SendMessage, {"content": "a" * 100}, Limits(body_bytes=50))


# ---- shapes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({}, "title"),
        ({"title": None}, "title"),
        ({"title": 1}, "title"),
        ({"title": ["a"]}, "title"),
        ({"title": "t" * 201}, "title"),
        ({"title": "t", "x": 1}, "x"),
        ({"title": "t", "participants": {}}, "participants"),
        ({"title": "t", "participants": ["bob"]}, "participants.0"),
        ({"title": "t", "participants": [{"participant_id": "bob"}]}, "participants.0.name"),
        ({"title": "t", "participants": [{"participant_id": 7, "name": "B"}]}, "participants.0.participant_id"),
        ({"title": "t", "participants": [{"participant_id": "", "name": "B"}]}, "participants.0.participant_id"),
        (
            {"title": "t", "participants": [{"participant_id": "a b", "name": "B"}]},
            "participants.0.participant_id",
        ),
        ({"title": "t", "participants": [{"participant_id": "ü", "name": "B"}]}, "participants.0.participant_id"),
        (
            {"title": "t", "participants": [{"participant_id": "a" * 256, "name": "B"}]},
            "participants.0.participant_id",
        ),
        ({"title": "t", "participants": [{"participant_id": "b", "name": ""}]}, "participants.0.name"),
        ({"title": "t", "participants": [{"participant_id": "b", "name": "n" * 101}]}, "participants.0.name"),
        (
            {"title": "t", "participants": [{"participant_id": "b", "name": "B", "role": "god"}]},
            "participants.0.role",
        ),
        (
            {"title": "t", "participants": [{"participant_id": "b", "name": "B", "type": "bot"}]},
            "participants.0.type",
        ),
        ({"title": "t", "join_policy": "public"}, "join_policy"),
        ({"title": "t", "metadata": []}, "metadata"),
        ({"title": "t", "metadata": {"a": "b" * 5000}}, "metadata"),
        ({"title": "t", "metadata": {"\ud800": 1}}, "metadata"),
        ([], ""),
        ("title", ""),
        (None, ""),
        (5, ""),
    ],
)
def test_invalid_shape_is_rejected_with_its_path(value: Any, path: str) -> None:
    assert path in problems(requests.CreateConversation, value)


def test_participant_id_may_be_any_visible_ascii() -> None:
    everything = "".join(map(chr, range(0x21, 0x7F)))
    parsed = body(requests.NewParticipant, {"participant_id": everything, "name": "E"})
    assert isinstance(parsed, requests.NewParticipant)
    assert parsed.participant_id == everything


@pytest.mark.parametrize("field", ["title", "join_policy", "metadata"])
def test_update_with_null_is_rejected(field: str) -> None:
    assert problems(requests.UpdateConversation, {field: None})


@pytest.mark.parametrize("number", [True, "1", 1.0, 1.5, -1, 2**53, None, [], {}])
def test_sequence_id_is_an_integer_in_range(number: Any) -> None:
    assert "sequence_id" in problems(requests.MoveReadPointer, {"sequence_id": number})


@pytest.mark.parametrize("model", [requests.Join, requests.EmptyBody, requests.UpdateConversation])
def test_body_may_be_missing_without_required_fields(model: type[BaseModel]) -> None:
    assert requests.parse_body(model, b"", LIMITS) == model()


def test_missing_body_is_rejected_like_an_empty_object() -> None:
    with pytest.raises(ValidationFailed) as refused:
        requests.parse_body(requests.UpdateParticipant, b"", LIMITS)
    assert refused.value.details == [{"path": "", "problem": "must have role or muted_for"}]


def test_missing_body_with_required_fields_is_invalid_json() -> None:
    with pytest.raises(InvalidJson):
        requests.parse_body(requests.CreateConversation, b"", LIMITS)


def test_error_details_do_not_repeat_the_input() -> None:
    shown = problems(requests.CreateConversation, {"title": "secret\x00", "join_policy": "hush"})
    assert "secret" not in str(shown)
    assert "hush" not in str(shown)


def test_body_limit_is_exact() -> None:
    limit = Limits().body_bytes
    with pytest.raises(InvalidJson):
        requests.parse_body(requests.EmptyBody, b" " * limit, LIMITS)
    with pytest.raises(TooLarge):
        requests.parse_body(requests.EmptyBody, b" " * (limit + 1), LIMITS)


@pytest.mark.parametrize(
    "emoji",
    ["👍", "👍🏽", "❤️", "🇩🇪", "1️⃣", "👨‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "é", "क्षि", "각", "a", "!", "✅", "\U0001fae8"],
)
def test_one_grapheme_is_an_emoji(emoji: str) -> None:
    assert queries.parse_query(queries.EmojiQuery, {"emoji": [emoji]}).emoji == emoji


@pytest.mark.parametrize(
    "emoji",
    [
        "",
        " ",
        "\n",
        "\r\n",
        "👍👍",
        "👍 ",
        "ab",
        "🇩🇪🇫🇷",
        "\u200d",
        "\ufe0f",
        "\u0301",
        "\u200b",
        "\x80",
        "\ud83d",
        "a" + 32 * "\u0301",
    ],
)
def test_other_text_is_not_an_emoji(emoji: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        queries.parse_query(queries.EmojiQuery, {"emoji": [emoji]})
    assert [detail["path"] for detail in refused.value.details or []] == ["emoji"]


def test_emoji_size_limit_is_exact() -> None:
    longest = "a" + 30 * "\u0301" + "\u20dd"
    assert len(longest.encode()) == field_rules.MAX_EMOJI_BYTES
    assert queries.parse_query(queries.EmojiQuery, {"emoji": [longest]}).emoji == longest
    with pytest.raises(ValidationFailed):
        queries.parse_query(queries.EmojiQuery, {"emoji": ["\u00e9" + longest[1:]]})


# ---- queries -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["0", "-1", "101", "+5", "5.0", "", " 5", "1e1", "abc", "9" * 30, "٣"])
def test_page_limit_is_between_1_and_100(limit: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        queries.parse_query(queries.EventsQuery, {"limit": [limit]})
    assert [detail["path"] for detail in refused.value.details or []] == ["limit"]


def test_every_repeated_query_parameter_is_named() -> None:
    with pytest.raises(ValidationFailed) as rejected:
        queries.parse_query(queries.PageQuery, {"limit": ["1", "2"], "cursor": ["a", "a"]})
    assert rejected.value.details == [
        {"path": "limit", "problem": "must be given once"},
        {"path": "cursor", "problem": "must be given once"},
    ]


def test_unknown_or_repeated_query_parameter_is_rejected() -> None:
    assert queries.parse_query(queries.EventsQuery, {"after": ["7"], "limit": ["1"]}).after == 7
    for query in ({"x": ["1"]}, {"limit": ["1", "1"]}):
        with pytest.raises(ValidationFailed):
            queries.parse_query(queries.EventsQuery, query)


# ---- commands ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "hello"},
        {
            "type": "hello",
            "id": "1",
            "subscribe": [{"conversation_id": CONV}, {"conversation_id": "", "after": 3}],
        },
        {"type": "subscribe", "conversation_id": CONV},
        {"type": "unsubscribe", "conversation_id": CONV},
        {"type": "sync", "conversation_id": CONV, "after": 0},
        MESSAGE,
        MESSAGE | {"reply_to": 1, "mentions": ["bob"], "metadata": {"a": None}},
        CHANGE | {"type": "edit", "content": "x"},
        CHANGE | {"type": "edit", "content": "x", "mentions": [], "metadata": {}},
        CHANGE | {"type": "delete"},
        CHANGE | {"type": "react", "emoji": "👍"},
        CHANGE | {"type": "unreact", "emoji": "👍"},
        {"type": "read", "conversation_id": CONV, "sequence_id": 1},
        {"type": "typing", "conversation_id": CONV, "is_typing": True},
        {"type": "auth", "token": "t"},
        {"type": "ping"},
        {"type": "ping", "heads": {CONV: 1}},
    ],
)
def test_every_command_is_parsed(frame: dict[str, Any]) -> None:
    parsed = command(frame)
    assert isinstance(parsed, parsing.COMMANDS[frame["type"]])


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        ("", InvalidJson),
        ("hello", InvalidJson),
        ("{}", ValidationFailed),
        ("[]", ValidationFailed),
        ("7", ValidationFailed),
        ('{"type": 7}', ValidationFailed),
        ('{"type": null}', ValidationFailed),
        ('{"type": "shout"}', UnknownCommand),
        ('{"type": "edit"}', ValidationFailed),
        (json.dumps(CHANGE | {"type": "edit", "content": ""}), ValidationFailed),
        (json.dumps(CHANGE | {"type": "edit", "content": "x", "mentions": None}), ValidationFailed),
        (json.dumps(CHANGE | {"type": "edit", "content": "x", "metadata": None}), ValidationFailed),
        (json.dumps(CHANGE | {"type": "edit", "content": "x", "reply_to": 2}), ValidationFailed),
        (json.dumps(CHANGE | {"type": "delete", "target": 0}), ValidationFailed),
        (json.dumps(CHANGE | {"type": "delete", "content": "x"}), ValidationFailed),
        (json.dumps(CHANGE | {"type": "react"}), ValidationFailed),
        (json.dumps(CHANGE | {"type": "unreact", "emoji": "👍👍"}), ValidationFailed),
        ('{"type": "ping", "x": 1}', ValidationFailed),
        ('{"type": "ping", "heads": {"a": "1"}}', ValidationFailed),
        ('{"type": "ping", "heads": []}', ValidationFailed),
        ('{"type": "typing", "conversation_id": "c", "is_typing": "yes"}', ValidationFailed),
        ('{"type": "sync", "conversation_id": 7, "after": 0}', ValidationFailed),
        ('{"type": "ping", "id": 7}', ValidationFailed),
        (json.dumps({"type": "ping", "id": "i" * 129}), ValidationFailed),
        (json.dumps(MESSAGE | {"client_message_id": ""}), ValidationFailed),
        (json.dumps(MESSAGE | {"client_message_id": "m" * 129}), ValidationFailed),
        (json.dumps(MESSAGE | {"client_message_id": "m m"}), ValidationFailed),
        (json.dumps(MESSAGE | {"client_message_id": "\0m"}), ValidationFailed),
        (json.dumps(MESSAGE | {"reply_to": 0}), ValidationFailed),
        (json.dumps(MESSAGE | {"mentions": ["a", "a"]}), ValidationFailed),
        (json.dumps(MESSAGE | {"sender": "mallory"}), ValidationFailed),
        (json.dumps(MESSAGE | {"content": "x" * 40_000}), TooLarge),
        (json.dumps({"type": "ping", "heads": {str(n): 1 for n in range(101)}}), ValidationFailed),
        (
            json.dumps({"type": "hello", "subscribe": [{"conversation_id": str(n)} for n in range(101)]}),
            ValidationFailed,
        ),
    ],
)
def test_invalid_frame_has_the_expected_error(frame: str, error: type[ChatError]) -> None:
    assert type(command(frame)) is error


def test_error_carries_the_correlation_fields() -> None:
    frame = MESSAGE | {"id": "7", "content": ""}
    _, echo = parsing.parse_command(json.dumps(frame), LIMITS)
    assert echo == {"id": "7", "conversation_id": CONV, "client_message_id": "m1"}


def test_invalid_correlation_fields_are_omitted() -> None:
    frame = {"type": "x", "id": 7, "conversation_id": "c" * 200, "client_message_id": "\ud800"}
    _, echo = parsing.parse_command(json.dumps(frame), LIMITS)
    assert echo == {}


@given(st.text(max_size=300))
def test_no_frame_raises_an_unexpected_error(frame: str) -> None:
    found, _ = parsing.parse_command(frame, LIMITS)
    assert isinstance(found, commands.Command | ChatError)


@given(
    st.fixed_dictionaries(
        {"type": st.sampled_from(sorted(parsing.COMMANDS))},
        optional={
            name: st.one_of(st.none(), st.integers(), st.text(), st.booleans(), st.lists(st.text()))
            for name in ("id", "conversation_id", "content", "after", "heads", "client_message_id", "subscribe")
        },
    )
)
def test_no_command_of_a_random_shape_raises_an_unexpected_error(frame: dict[str, Any]) -> None:
    found = command(json.dumps(frame))
    assert isinstance(found, commands.Command | ChatError)


def test_frame_may_have_the_maximum_size_and_no_more() -> None:
    small = Limits(frame_bytes=100)
    frame = json.dumps({"type": "ping", "id": "é"}, ensure_ascii=False)
    padding = " " * (100 - len(frame.encode()))
    assert not isinstance(parsing.parse_command(frame + padding, small)[0], ChatError)
    rejected, echo = parsing.parse_command(frame + padding + " ", small)
    assert isinstance(rejected, TooLarge)
    assert (str(rejected), echo) == ("A frame must have at most 100 bytes.", {})


@pytest.mark.parametrize(
    ("frame", "details"),
    [
        ("[]", [{"path": "", "problem": "must be an object"}]),
        ('{"type": 7}', [{"path": "type", "problem": "must be the name of a command"}]),
        ("{}", [{"path": "type", "problem": "must be the name of a command"}]),
    ],
)
def test_frame_without_a_command_is_rejected_with_its_path(frame: str, details: list[dict[str, str]]) -> None:
    rejected, _ = parsing.parse_command(frame, LIMITS)
    assert isinstance(rejected, ValidationFailed)
    assert rejected.details == details


def test_unknown_command_error_lists_the_commands() -> None:
    rejected, _ = parsing.parse_command('{"type": "x"}', LIMITS)
    assert str(rejected) == f"Unknown command. The commands are {', '.join(parsing.COMMANDS)}."


def test_correlation_field_may_have_128_characters() -> None:
    found = commands.correlation_fields({"id": "a" * 128, "conversation_id": "a" * 129})
    assert found == {"id": "a" * 128}


def test_configured_limits_apply_to_commands() -> None:
    frame = {"type": "message", "conversation_id": "conv_" + "a" * 22, "client_message_id": "1", "content": "four"}
    for content_bytes, is_valid in ((4, True), (3, False)):
        found, _ = parsing.parse_command(json.dumps(frame), Limits(content_bytes=content_bytes))
        assert isinstance(found, ValidationFailed) is not is_valid
