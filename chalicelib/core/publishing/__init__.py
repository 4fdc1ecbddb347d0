"""Publishing the events of all conversations to endpoints: at least once, in order per conversation.

The log is the queue. A wake-up only says where to look, and a cursor says from where on; so nothing depends on
the order, the number or the arrival of wake-ups.

May import: kernel, model, protocol, ports, log.
"""
