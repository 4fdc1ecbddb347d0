"""Pushes to connections, presence, typing, and tickets.

All of it is best effort, after the commit; a reader who misses a push recovers by `sync`.

May import: kernel, model, protocol, ports, log; and identity, for tickets.
"""
