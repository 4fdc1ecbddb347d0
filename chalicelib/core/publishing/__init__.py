"""Publishing the events of all conversations to endpoints: at least once, in order per conversation.

May import: kernel, model, protocol, ports, log.
"""
