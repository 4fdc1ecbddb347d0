"""The stand-in for IAM: policies, what each call needs, and the guard over real sockets."""
