"""Invariants of the log under every interleaving, every crash and every fault of the store."""
