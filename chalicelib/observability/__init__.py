"""Observability: log lines and metrics of an invocation.

Nothing here raises into the code that is observed. It imports the `kernel` of the core, and `settings`.
"""
