"""The types that only the published documents need: events, HTTP responses, replies to commands, and pushes.

The objects in them are those of `chalicelib/core/protocol/objects.py`. Nothing of this is deployed.
"""
