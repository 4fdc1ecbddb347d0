"""End-to-end tests: the whole chat over real sockets."""
