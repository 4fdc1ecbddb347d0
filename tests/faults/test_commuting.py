"""The calls that the stepper treats as commuting."""

import pytest

from local.faults.calls import Call
from tests.faults.test_visibility import condition
from tests.faults.toys import Partition
from tests.support.commuting import commute

P = Partition("table", "room")
ELSEWHERE = Partition("other-table", "room")
BELOW_C = condition(P, "pk = :pk AND sk < :a", {":a": "c"})

GET_A = Call(1, "get_item", P.at("a"))
PUT_A = Call(2, "put_item", P.put("a"))
PUT_D = Call(3, "put_item", P.put("d"))
PUT_ELSEWHERE = Call(4, "put_item", ELSEWHERE.put("a"))
QUERY = Call(5, "query", BELOW_C)
QUERY_ALL = Call(6, "query", P.all())
QUERY_INDEX = Call(7, "query", {"TableName": "table", "IndexName": "by-name"})
CHECK_A = Call(8, "transact_write_items", {"TransactItems": [{"ConditionCheck": P.check_absent("a")}]})
BATCH = Call(9, "batch_write_item", P.batch_put("c", "d"))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (GET_A, QUERY_ALL, True),
        (QUERY_ALL, QUERY_INDEX, True),
        (GET_A, PUT_A, False),
        (GET_A, PUT_D, True),
        (PUT_A, PUT_A, False),
        (PUT_A, PUT_ELSEWHERE, True),
        (QUERY, PUT_A, False),
        (QUERY, PUT_D, True),
        (QUERY, BATCH, True),
        (QUERY_ALL, BATCH, False),
        (QUERY_INDEX, PUT_A, False),
        (QUERY_INDEX, PUT_ELSEWHERE, True),
        (CHECK_A, PUT_A, False),
        (CHECK_A, CHECK_A, False),
        (CHECK_A, BATCH, True),
        (BATCH, PUT_D, False),
    ],
    ids=str,
)
def test_calls_commute_unless_one_writes_an_item_of_the_other(one: Call, other: Call, expected: bool) -> None:
    assert commute(one, other) is expected
    assert commute(other, one) is expected


def test_reads_that_mark_the_new_state_visible_do_not_commute() -> None:
    assert not commute(GET_A, QUERY, reads_commute=False)
    assert not commute(QUERY, QUERY_ALL, reads_commute=False)
    assert not commute(QUERY_INDEX, QUERY, reads_commute=False)
    assert commute(GET_A, Call(1, "get_item", P.at("d")), reads_commute=False)
    assert commute(QUERY_ALL, Call(1, "query", ELSEWHERE.all()), reads_commute=False)
