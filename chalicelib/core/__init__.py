"""The core: conversations as event logs, and the permissions to read and write them. It does no I/O itself.

The laws, each of which has tests that fail if it is broken:

L1  Durable before acknowledged: an acknowledged event is readable until it is deleted, erased or expired.
L2  Exactly once: a `client_message_id` of a participant yields one event, however often it is sent.
L3  One order: all readers see the same events under the same contiguous sequence ids.
L4  Prefix-complete: a reader of event n gets all events below n, or learns that more follow.
L5  No lost live event: a subscriber gets every event, or detects within a ping interval that one is missing.
L6  A bad recipient is isolated: it delays no acknowledgement and no other recipient.
L7  Identity comes from the authorizer; non-members receive and learn nothing.
L8  No assumption about arrival: frames, pushes and disconnects may come in any order, or twice.

The packages, each of which may import those before it: kernel, model, protocol and ports, log, realtime,
conversations, messaging and privacy, sessions. It imports only `identity`, pydantic and the standard library.
"""
