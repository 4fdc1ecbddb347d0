"""Conversations and their members: lifecycle, views, permissions, membership, moderation, invites, history.

Outsiders get NotFound for everything, as for a conversation that does not exist (L7).

May import: kernel, model, protocol, ports, log, realtime, hooks.
"""
