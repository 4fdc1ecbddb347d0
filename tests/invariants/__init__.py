"""The laws of the log, proved step by step: every interleaving, every crash, every fault of the store."""
