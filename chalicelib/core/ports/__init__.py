"""Protocols of everything outside the core: stores, a job queue, and the posting of frames.

Each class of the core takes the narrow protocols that it uses; an adapter may implement several in one class.

May import: kernel, model.
"""
