"""A client of the chat service that shows the log without gaps and sends each message once."""
