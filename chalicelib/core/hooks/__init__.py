"""The hook before a message: a function of the product that allows, changes or refuses actions.

Loaded only if the deployment has a hook. May import: kernel, model, protocol, ports.
"""
