"""The web page of the local cloud: its server, its development tokens, and its build beside the chat."""
