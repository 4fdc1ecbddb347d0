"""A stand-in for IAM: it stands before the store, the queues and the callback API, refuses, and writes down.

Every function of the chat has an access key id of its own here: its logical id in the template. The guard reads
it from the request's Signature Version 4, finds the actions and resources that IAM would check, and evaluates the
policy of that function. What is allowed goes on, byte for byte; what is not is answered as AWS answers it. In the
end the record says what was denied, and what is allowed that was never used.

    policies = {"APIHandler": resolve(statements, {"ConversationsTable.Arn": "arn:aws:dynamodb:…", …}), …}
    aws = {"region": "us-east-1", "account": "123456789012", "api": "chat"}
    with Guard(policies, store.url, gateway.management_url, **aws) as guard:
        ...  # the functions are given guard.store_url, guard.queues_url, guard.management_url
    assert not guard.denied()
    assert not guard.unused()

Signatures are not verified: who signs with a function's key id is that function. Nothing of this is packaged.
"""

from local.iam.errors import IamError, InvalidStatement, UnresolvedReference
from local.iam.guard import Guard
from local.iam.intrinsics import resolve
from local.iam.record import AllowedCall, DeniedCall, Permission
from local.iam.sqs import queue_arn

__all__ = [
    "AllowedCall",
    "DeniedCall",
    "Guard",
    "IamError",
    "InvalidStatement",
    "Permission",
    "UnresolvedReference",
    "queue_arn",
    "resolve",
]
