"""The values of the domain: events, conversations, memberships, connections, and what is stored about them.

They are frozen dataclasses; nothing here does I/O. It imports `kernel`.
"""
