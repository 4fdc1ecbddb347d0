"""The protocol: requests, commands, responses and frames, with the rules of every field.

The published documents are made of this package (`specs/`). It imports `kernel` and `model`.
"""
