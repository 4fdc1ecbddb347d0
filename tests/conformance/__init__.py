"""The conformance suite for clients of any language: see docs/conformance.md."""
