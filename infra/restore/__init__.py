"""Restoring a stage to a point in time.

`rows` decides the outcome for each kind of row, `replay` applies it to the restored table, and
`infra/deploy/restore.py` runs the whole restore in an account.
"""
