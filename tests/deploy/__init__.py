"""Deploying and destroying: the decisions on fakes, the whole on MiniStack."""
