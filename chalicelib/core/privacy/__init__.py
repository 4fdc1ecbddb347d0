"""Erasure of participants, export of their data, retention of contents, and the background jobs that do it.

May import: kernel, model, protocol, ports, log, realtime, conversations.
"""
