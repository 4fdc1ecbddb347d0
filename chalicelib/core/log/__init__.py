"""The log of a conversation: appending to it, reading it without gaps, retrying writes that conflict.

It knows nothing of roles, frames or connections: its callers check permissions and make the events.

May import: kernel, model, ports.
"""
