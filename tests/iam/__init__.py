"""The local IAM guard: policies, required permissions, and the proxy over real sockets."""
