"""Validation of claims. The time is NOW; the leeway is 30 seconds unless stated otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.identity.claims import validate_claims
from chalicelib.identity.errors import InvalidToken
from chalicelib.identity.model import Identity
from chalicelib.identity.settings import IdentitySettings

from .minting import NOW, SECRET, claims

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
CLAIM_NAMES = st.sampled_from(["sub", "exp", "nbf", "iat", "iss", "aud", "name", "other"])


def settings(**changes: Any) -> IdentitySettings:
    return IdentitySettings(**({"secret": SECRET, "jwks_url": None, "issuer": None, "audience": None} | changes))


def accepted(now: float = NOW, under: IdentitySettings | None = None, **changes: Any) -> Identity:
    return validate_claims(claims(**changes), under or settings(), now)


def refusal(now: float = NOW, under: IdentitySettings | None = None, **changes: Any) -> str:
    with pytest.raises(InvalidToken) as caught:
        accepted(now, under, **changes)
    return caught.value.reason


def with_null(claim: str) -> dict[str, Any]:
    return claims() | {claim: None}


# sub


@pytest.mark.parametrize("sub", ["a", "auth0|5f7c", "a#b", "x/y", "!", "~", "a@b.example", "<>&\"'%?", "x" * 255])
def test_a_sub_of_1_to_255_visible_ascii_characters_is_the_participant_id(sub: str) -> None:
    assert accepted(sub=sub).participant_id == sub


@pytest.mark.parametrize(
    "sub",
    ["", " ", "a b", " a", "a ", "a\n", "\n", "a\tb", "a\x00b", "\x7f", "é", "٣", "a\u200b", "\ud800", "x" * 256,
     17, 1.5, True, ["alice"], {"id": "alice"}],
)  # fmt: skip
def test_any_other_sub_is_refused(sub: object) -> None:
    assert "sub" in refusal(sub=sub)


@pytest.mark.parametrize("sub", ["system", "erased_c29tZXRoaW5n"])
def test_reserved_id_is_refused(sub: str) -> None:
    assert "reserved" in refusal(sub=sub)


def test_a_missing_or_null_sub_is_refused() -> None:
    assert "sub" in refusal(sub=None)
    with pytest.raises(InvalidToken, match="sub"):
        validate_claims(with_null("sub"), settings(), NOW)


# exp, nbf, iat


def test_token_is_valid_until_expiry_plus_leeway() -> None:
    expiry = NOW + 3600
    assert accepted(now=expiry + 29.999).expires_at == expiry
    assert refusal(now=expiry + 30) == "the token has expired"


def test_token_without_leeway_is_valid_until_expiry() -> None:
    strict = settings(leeway=0)
    assert accepted(NOW + 3599.999, strict).expires_at == NOW + 3600
    assert "expired" in refusal(NOW + 3600, strict)


def test_token_is_valid_from_nbf_minus_leeway() -> None:
    assert accepted(now=NOW - 30, nbf=NOW).participant_id == "alice"
    assert refusal(now=NOW - 30.001, nbf=NOW) == "the token is not valid yet"
    assert "not valid yet" in refusal(NOW - 0.001, settings(leeway=0), nbf=NOW)


def test_a_fraction_of_a_second_in_exp_is_rounded_down_and_then_compared() -> None:
    strict = settings(leeway=0)
    assert accepted(NOW - 0.25, strict, exp=NOW + 0.5).expires_at == NOW
    assert "expired" in refusal(NOW, strict, exp=NOW + 0.5)


@pytest.mark.parametrize("exp", [NOW, 0, -1, -(10**18), -1e300])
def test_expiry_in_the_distant_past_is_expired(exp: float) -> None:
    assert refusal(now=NOW + 30, exp=exp) == "the token has expired"


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", ["1900000000", "", "soon", True, False, [], [1900000000], {}])
def test_time_that_is_not_a_number_is_refused(claim: str, value: object) -> None:
    changes: dict[str, Any] = {claim: value}
    assert refusal(**changes) == f"the token's {claim} must be a number of seconds"


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 10**400, -(10**400)])
def test_a_time_that_is_not_finite_is_refused(claim: str, value: float) -> None:
    changes: dict[str, Any] = {claim: value}
    assert refusal(**changes) == f"the token's {claim} must be a finite number"


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
def test_null_time_is_refused_rather_than_ignored(claim: str) -> None:
    with pytest.raises(InvalidToken, match=claim):
        validate_claims(with_null(claim), settings(), NOW)


def test_a_missing_expiry_is_refused() -> None:
    assert "exp" in refusal(exp=None)


@pytest.mark.parametrize("exp", [253_402_300_800, NOW * 1000, 1e300])
def test_expiry_beyond_the_year_9999_is_refused_as_milliseconds(exp: float) -> None:
    assert "milliseconds" in refusal(exp=exp)


def test_the_last_second_of_the_year_9999_is_a_good_expiry() -> None:
    forever = settings(max_lifetime=253_402_300_799)
    assert accepted(NOW, forever, exp=253_402_300_799).expires_at == 253_402_300_799


def test_nbf_in_the_distant_future_is_not_valid_yet() -> None:
    assert "not valid yet" in refusal(nbf=1e300)


@pytest.mark.parametrize("iat", [0, -5, NOW, NOW + 86_400, NOW + 0.5])
def test_the_time_of_issue_is_not_compared_with_the_clock(iat: float) -> None:
    assert accepted(NOW, settings(max_lifetime=2 * NOW), iat=iat).participant_id == "alice"


@pytest.mark.parametrize(
    ("lifetime", "issued"), [(1000, NOW), (1000, NOW - 500), (1000 + 30, None), (1000 + 30, NOW + 30)]
)
def test_token_of_the_longest_lifetime_is_accepted(lifetime: int, issued: int | None) -> None:
    limited = settings(max_lifetime=1000, leeway=30)
    exp = (NOW if issued is None or issued > NOW else issued) + lifetime
    times = {"exp": exp} if issued is None else {"exp": exp, "iat": issued}
    assert accepted(NOW, limited, **times).expires_at == exp


@pytest.mark.parametrize(
    "times",
    [
        {"iat": NOW, "exp": NOW + 1001},
        {"iat": NOW - 900, "exp": NOW + 101},
        {"exp": NOW + 1031},
        {"iat": NOW + 500, "exp": NOW + 1031},
    ],
    ids=["too long", "nearly expired", "without iat", "issued in the future"],
)
def test_token_that_could_outlive_a_revocation_is_refused_and_diagnosed(times: dict[str, int]) -> None:
    with pytest.raises(InvalidToken) as caught:
        accepted(NOW, settings(max_lifetime=1000, leeway=30), **times)
    assert "1000 seconds" in caught.value.reason
    assert "CHAT_JWT_MAX_LIFETIME (1000 s)" in caught.value.diagnosis


# iss, aud


@pytest.mark.parametrize(
    "iss",
    [
        None,
        "",
        "https://idp.example",
        "https://idp.example/x",
        "HTTPS://IDP.EXAMPLE/",
        1,
        ["https://idp.example/"],
    ],
)
def test_a_configured_issuer_must_be_named_exactly(iss: object) -> None:
    configured = settings(issuer="https://idp.example/")
    assert accepted(NOW, configured, iss="https://idp.example/").participant_id == "alice"
    assert refusal(NOW, configured, iss=iss) == "the token is from another issuer"


@pytest.mark.parametrize("aud", ["chat", ["chat"], ["other", "chat"], [7, "chat"]])
def test_configured_audience_is_accepted_alone_or_in_a_list(aud: object) -> None:
    assert accepted(NOW, settings(audience="chat"), aud=aud).participant_id == "alice"


@pytest.mark.parametrize(
    "aud", [None, "", "chatter", "a chat", "Chat", [], ["chatter"], [["chat"]], {"chat": 1}, 5, True]
)
def test_other_audience_is_refused_if_one_is_configured(aud: object) -> None:
    assert refusal(NOW, settings(audience="chat"), aud=aud) == "the token is for another audience"


@pytest.mark.parametrize("value", ["anything", ["a", "b"], 5, {}])
def test_issuer_and_audience_are_ignored_if_none_is_configured(value: object) -> None:
    assert accepted(iss=value, aud=value).participant_id == "alice"


# name


@pytest.mark.parametrize("name", ["A", "x" * 100, "👩‍👩‍👧" * 10, " Zoë  ", "with\ttab", "\u200bx", "<script>"])
def test_name_of_1_to_100_characters_is_kept_unchanged(name: str) -> None:
    assert accepted(name=name).name == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "\n\t ",
        "\u3000",
        "x" * 101,
        "a\x00",
        "\x1b[2J",
        "a\x0bb",
        "a\x7f",
        "a\x9b",
        "a\nb",
        "a\u202eb",
        "\u200b",
        "a\ud800",
        7,
        True,
        ["Al"],
        {},
    ],
)
def test_unusable_name_is_ignored_and_the_token_accepted(name: object) -> None:
    assert accepted(name=name) == Identity("alice", None, NOW + 3600, NOW + 3600 - 30 * 24 * 3600)


@pytest.mark.parametrize("value", ["agent", "human", None, "Agent", " agent", "bot", "", 1, True, ["agent"], {}])
def test_type_is_agent_for_exactly_that_value_of_the_claim(value: object) -> None:
    expected = "agent" if value == "agent" else "human"
    assert accepted(participant_type=value).type == expected
    assert accepted(kind=value).type == "human"
    assert accepted(under=settings(type_claim="kind"), kind=value).type == expected
    assert accepted(under=settings(type_claim="kind"), participant_type=value).type == "human"


def test_missing_name_is_none() -> None:
    assert accepted(name=None).name is None


# All of it


@given(st.dictionaries(CLAIM_NAMES, JSON), st.booleans())
def test_random_claims_give_a_valid_identity_or_are_refused(found: dict[str, object], based: bool) -> None:
    try:
        identity = validate_claims(
            claims() | found if based else found, settings(audience="chat" if based else None), NOW
        )
    except InvalidToken:
        return
    assert 1 <= len(identity.participant_id) <= 255
    assert NOW - 30 <= identity.expires_at < 253_402_300_800
    assert identity.name is None or 1 <= len(identity.name) <= 100
