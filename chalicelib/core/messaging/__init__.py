"""Messages: sending, editing, deleting and reacting, within the rate limit.

May import: kernel, model, protocol, ports, log, realtime, hooks, conversations.
"""
