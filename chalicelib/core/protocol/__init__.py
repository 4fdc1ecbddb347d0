"""The protocol: what clients may send, what they receive, and the rules of every field.

The published documents are made of this package (`specs/`). It imports `kernel` and `model`.
"""
