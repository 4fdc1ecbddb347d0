"""A local substitute for IAM: it guards the store, the queues and the callback API, and records their use.

Every function of the chat has its own access key id, its logical id in the template. The guard reads it from the
request's Signature Version 4, determines the actions and resources that IAM would check, and evaluates the
function's policy. Allowed requests are forwarded byte for byte; denied ones get AWS's error responses. At the
end, the record lists the denied calls and the unused permissions.

    policies = {"APIHandler": resolve(statements, {"ConversationsTable.Arn": "arn:aws:dynamodb:…", …}), …}
    aws = {"region": "us-east-1", "account": "123456789012", "api": "chat"}
    with Guard(policies, store.url, gateway.management_url, **aws) as guard:
        ...  # the functions use guard.store_url, guard.queues_url, guard.management_url
    assert not guard.denied()
    assert not guard.unused()

Signatures are not verified: the key id alone identifies the function. Nothing of this is packaged.
"""

from local.iam.errors import IamError, UnresolvedReference
from local.iam.guard import Guard
from local.iam.intrinsics import resolve
from local.iam.record import AllowedCall, DeniedCall, Permission
from local.iam.sqs import queue_arn

__all__ = [
    "AllowedCall",
    "DeniedCall",
    "Guard",
    "IamError",
    "Permission",
    "UnresolvedReference",
    "queue_arn",
    "resolve",
]
