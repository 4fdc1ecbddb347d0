"""Identity: reads credentials, verifies tokens, and caches the signing keys of the identity provider.

It imports the `kernel` of the core, and loads slow libraries only when a token needs them.
"""
