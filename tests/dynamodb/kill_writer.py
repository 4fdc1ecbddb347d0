"""Writes numbered entries, each in a transaction with its counter, and prints each acknowledged number."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from local.dynamodb.directory import Directory
from local.dynamodb.engine import Engine
from local.errors import LocalError

KEYS = {"pk": "HASH", "sk": "RANGE"}


def write(path: Path) -> None:
    """Write for ever."""
    engine = Engine(Directory(path).storage)
    if not engine.call("ListTables", {})["TableNames"]:
        engine.call(
            "CreateTable",
            {
                "TableName": "toys",
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in KEYS],
                "KeySchema": [{"AttributeName": name, "KeyType": role} for name, role in KEYS.items()],
            },
        )
    head = {"pk": {"S": "p"}, "sk": {"S": "HEAD"}}
    item = engine.call("GetItem", {"TableName": "toys", "Key": head}).get("Item", {"n": {"N": "0"}})
    number = int(item["n"]["N"])
    while True:
        number += 1
        value = {"N": str(number)}
        entry = {"pk": {"S": "p"}, "sk": {"S": f"E#{number:08}"}, "n": value}
        engine.call(
            "TransactWriteItems",
            {
                "TransactItems": [
                    {"Put": {"TableName": "toys", "Item": {**head, "n": value}}},
                    {
                        "Put": {
                            "TableName": "toys",
                            "Item": entry,
                            "ConditionExpression": "attribute_not_exists(pk)",
                        }
                    },
                ]
            },
        )
        print(number, flush=True)  # noqa: T201  # the acknowledgement


if __name__ == "__main__":
    try:
        write(Path(sys.argv[1]))
    except LocalError as error:
        sys.exit(str(error))
