"""What the core needs of the outside: stores, a job queue, and a way to post to connections; all as protocols.

Use cases take the narrow protocols that they use; one class of an adapter may implement several.
May import: kernel, model.
"""
