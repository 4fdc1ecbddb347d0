"""Tests of who may speak: credentials, tokens, signing keys and tickets."""
