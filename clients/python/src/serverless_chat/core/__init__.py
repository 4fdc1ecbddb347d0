"""The client as state machines without I/O; `client.Client` combines them."""
