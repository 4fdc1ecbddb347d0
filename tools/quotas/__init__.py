"""The AWS quotas that a stage reaches, printed as the table of docs/quotas.md.

The calls and durations of each operation are those of `tools/costs/usage.json`.
"""
