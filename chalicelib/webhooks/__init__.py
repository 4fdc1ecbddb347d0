"""Webhooks by Standard Webhooks: signatures, and attempts that reach public addresses only.

It imports the standard library, and the kernel, models and ports of the core.
"""
