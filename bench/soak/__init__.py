"""A long run of the local cloud under mixed traffic and faults of clients, with a separate checker."""
