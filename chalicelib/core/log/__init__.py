"""The log of a conversation: appending to it, reading it without gaps, retrying writes that conflict.

Knows nothing of roles, frames or connections: callers decide what to append and who may read.
May import: kernel, model, ports.
"""
