"""The Python client against a local chat, over real sockets."""
