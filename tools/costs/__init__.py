"""Estimate of a stage's monthly costs on AWS, printed as the table of docs/costs.md.

`prices.json` has the prices with source and date, `usage.json` the assumed usage and the quantities per operation.
"""
