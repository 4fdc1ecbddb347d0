"""What happens beside the log: pushes to connections, presence, typing, tickets.

Best effort, after the commit; a reader who misses a push recovers by `sync`.
May import: kernel, model, protocol, ports, log; and identity, for tickets.
"""
