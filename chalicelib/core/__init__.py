"""What chat is: the log, who may read and write it, and who hears of it. Standard library and pydantic only.

The laws, kept here and tested one by one:

L1  Durable before acknowledged: what was acknowledged is readable afterwards.
L2  Exactly once in the log: the same `client_message_id` of the same participant is one event.
L3  One order: everybody sees the same events under the same contiguous sequence ids.
L4  Prefix-complete: who is served event n is served all below it, or told that more is to come.
L5  No lost live event: a subscriber hears every event, or notices soon that one was missed.
L6  One bad recipient harms nobody.
L7  Identity comes from the authorizer; who is no participant learns and hears nothing.
L8  Order of arrival is not assumed.
"""
