"""What people do takes of the services, counted by hand."""

from __future__ import annotations

from chalicelib.core.kernel.limits import Timing
from infra.costs import operations
from tests.infra.costs.people import USUAL, of, usage


def test_frames_are_counted_in_steps_of_32_kb() -> None:
    assert [operations.metered(size) for size in (1, 32_768, 32_769, 33 * 1024, 128 * 1024)] == [1, 1, 2, 2, 4]


def test_a_message_takes_the_nine_write_units_and_three_reads_and_a_query_of_the_architecture() -> None:
    alone = operations.message(usage())
    assert (alone.writes, alone.reads) == (9, 4)
    assert operations.message(usage(listeners=25)).reads == 3 + 3
    assert operations.message(usage(), http=True).reads == 2 + 1


def test_a_long_message_takes_two_more_write_units_for_each_kb() -> None:
    assert operations.message_units(usage(content_bytes=1024 - 450)) == 9
    assert operations.message_units(usage(content_bytes=1024 - 450 + 1)) == 11
    assert operations.message_units(usage(content_bytes=2048)) == 13


def test_a_message_is_one_frame_in_an_ack_and_a_push_to_each_listener() -> None:
    one = operations.message(usage(listeners=4))
    assert (one.frames_in, one.frames_out, one.http) == (1, 5, 0)
    by_http = operations.message(usage(listeners=4), http=True)
    assert (by_http.frames_in, by_http.frames_out, by_http.http) == (0, 4, 1)


def test_who_types_or_reads_is_told_to_the_others_only() -> None:
    typing, read = of("typing", usage(listeners=4)), of("read pointer", usage(listeners=4))
    assert (typing.frames_in, typing.frames_out, typing.writes, typing.reads) == (1, 3, 1, 4)
    assert (read.frames_in, read.frames_out, read.writes, read.reads) == (1, 4, 1, 5)


def test_a_ping_reads_head_and_membership_of_each_conversation() -> None:
    ping = operations.ping(usage(heads=5))
    assert (ping.frames_in, ping.frames_out, ping.writes, ping.reads) == (1, 1, 1, 11)


def test_pings_follow_from_the_hours_and_the_interval() -> None:
    done = dict(operations.of_a_user(usage(socket_hours=2, ping_interval=240)))
    assert sum(times for each, times in done.items() if each.name == "ping") == 2 * 3600 / 240


def test_the_interval_is_that_of_the_application() -> None:
    assert USUAL.usage.ping_interval == Timing().ping_interval


def test_a_socket_that_comes_and_goes() -> None:
    people = usage(subscriptions=5, others_online=1, caught_up=50)
    hello, gone = of("hello and subscriptions", people), of("disconnect", people)
    settled = of("departure settled", people)
    assert (of("connect", people).writes, hello.writes, gone.writes) == (1, 4 + 9 * 5, 2 + 3 * 5)
    assert (settled.writes, settled.queue, gone.queue) == (5, 2, 1)
    # Five times, with 50 events: 4 single reads, 4 queries, 2 sockets, 8 of the log; and the socket once.
    assert hello.reads == 1 + 5 * (4 + 4 + 2 + 8)
    assert hello.frames_out == 1 + 5 * (1 + 1)
    assert (gone.frames_out, settled.frames_out) == (0, 5)


def test_of_who_is_back_at_once_nobody_is_told() -> None:
    people = usage(subscriptions=5, others_online=2, back_at_once=0.4)
    settled = of("departure settled", people)
    assert of("hello and subscriptions", people).frames_out == 1 + 5 * (1 + 2 * 0.6)
    assert (settled.frames_out, settled.writes) == (5 * 2 * 0.6, 5 * 0.6)
    # The notes are looked for all the same.
    assert of("departure settled", usage(subscriptions=5, others_online=2, back_at_once=1)).reads == 5


def test_reading_by_http() -> None:
    people = usage(content_bytes=50, conversations=80)
    # 50 messages of 500 bytes are 25,000 bytes: seven units.
    assert of("page of history", people).reads == 10
    assert of("list of conversations", people).reads == 7 + 80 + 3 * 50
    assert of("one conversation", people).reads == 5 + 1 + 1 + 3 + 7


def test_conversations_and_tickets() -> None:
    assert of("conversation made", usage(participants=5)).writes == 6 + 4 * 5
    assert of("ticket", usage()).writes == 2


def test_the_authorizer_is_asked_for_its_share_of_the_requests() -> None:
    people = usage(messages=10, messages_over_http=0.2, lists=2, opens=1, history_pages=1, authorizer_misses=0.25)
    asked = [times for each, times in operations.of_a_user(people) if each.name == "authorizer"]
    assert asked == [(2 + 2 + 1 + 1) * 0.25]
