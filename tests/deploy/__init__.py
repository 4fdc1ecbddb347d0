"""Deployment and teardown: decisions with fakes, whole runs on MiniStack."""
