"""Each rule of docs/client.md has tests, of the same names in both clients."""

from __future__ import annotations

import re
from pathlib import Path

from tests.clients.js.node_tests import titles

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "clients"
DOCUMENT = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
ONE_CLIENT = {
    "test_all_missed_events_are_fetched_if_no_limit_is_set": "python",
    "test_file_keeps_values_and_keeps_servers_and_participants_apart": "python",
    "test_database_that_the_browser_closes_loses_nothing_and_a_sign_out_ends_the_other_tabs": "js",
    "test_tabs_send_each_message_once_and_in_order_also_if_one_is_killed": "js",
    "test_client_shows_the_log_and_sends_each_message_once_under_faults": "conformance",
    "test_list_is_right_within_seconds_while_rooms_are_closed_and_opened": "conformance",
    "test_list_is_loaded_as_soon_as_the_device_is_online": "conformance",
    "test_load_of_the_list_that_fails_is_repeated": "conformance",
    "test_message_is_not_saved_before_an_earlier_one_that_the_storage_has_refused": "js",
    "test_message_is_not_saved_before_a_longer_one_that_the_storage_has_refused_but_deletions_make_room": "js",
    "test_many_sends_on_a_full_storage_cost_one_attempt_until_it_is_tried_again": "js",
    "test_many_conversations_are_subscribed_at_the_rate_that_the_server_accepts": "python",
    "test_conversation_that_is_closed_and_opened_again_resumes_after_its_last_event": "python",
    "test_message_is_not_stored_before_an_earlier_one": "python",
    "test_conversation_resumes_where_another_client_on_the_storage_has_shown_it_last": "js",
    "test_client_shares_its_storage_until_the_last_change_is_durable": "js",
    "test_change_that_the_storage_refuses_late_replaces_no_later_one": "js",
    "test_messages_without_an_answer_are_sent_again_at_once_on_the_connection_of_another_ticket": "js",
    "test_storage_that_cannot_be_loaded_at_first_loses_no_message": "js",
    "test_fields_are_those_of_the_call_in_every_attempt": "js",
    "test_closed_chat_has_stored_what_waited_for_another_change": "js",
    "test_message_that_was_discarded_before_another_client_left_the_outbox_to_this_one_stays_discarded": "js",
    "test_change_that_the_storage_has_refused_brings_no_value_back_that_another_client_deleted": "js",
    "test_message_that_another_client_has_sent_into_a_newer_history_stays_pending_until_it_is_in_the_view": "js",
    "test_message_that_another_client_sent_before_any_history_was_known_stays_pending": "js",
    "test_update_of_a_message_that_another_client_has_sent_names_the_history_of_its_place": "js",
    "test_message_that_left_the_storage_is_shown_until_the_news_or_the_log_tell_what_became_of_it": "js",
    "test_message_that_left_the_storage_is_not_stored_again": "js",
    "test_message_that_is_not_saved_yet_is_sent_by_the_client_that_takes_over": "js",
}
"""Tests of something that the other client has not, as the document says."""
_DEFINITION = re.compile(r"^(?:async )?def (test_\w+)", re.MULTILINE)
_NAME = re.compile(r"`(test_\w+)`")


def defined(folder: Path) -> set[str]:
    """Return the names of all tests in a folder."""
    names = {name for path in folder.rglob("test_*.py") for name in _DEFINITION.findall(path.read_text("utf-8"))}
    return names | {name for path in folder.rglob("*.test.ts") for name in titles(path)}


def test_each_rule_names_a_test() -> None:
    rules = re.split(r"^(?=\d+\. )", DOCUMENT, flags=re.MULTILINE)[1:]
    assert [rule.partition(".")[0] for rule in rules] == [str(number) for number in range(1, len(rules) + 1)]
    assert [rule for rule in rules if not _NAME.search(rule)] == []


def test_both_clients_have_the_tests_of_the_rules() -> None:
    named = set(_NAME.findall(DOCUMENT))
    tests = {
        "python": defined(FOLDER / "python"),
        "js": defined(FOLDER / "js"),
        "conformance": defined(ROOT / "tests" / "conformance"),
    }
    missing = {
        (name, client)
        for name in named
        for client in ([ONE_CLIENT[name]] if name in ONE_CLIENT else ["python", "js"])
        if name not in tests[client]
    }
    assert missing == set()
    assert ONE_CLIENT.keys() <= named
