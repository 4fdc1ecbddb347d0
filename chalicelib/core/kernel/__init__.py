"""The basis of the core: clock, concurrency, errors, ids, limits, metrics, JSON and text.

It imports only the standard library.
"""
