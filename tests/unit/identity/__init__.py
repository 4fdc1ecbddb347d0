"""Tests of identity: credentials, tokens, signing keys and tickets."""
