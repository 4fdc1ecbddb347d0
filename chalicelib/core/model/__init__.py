"""The values of the domain: events, conversations, memberships, connections, and the records about them.

They are frozen dataclasses; nothing here does I/O. It imports `kernel`.
"""
