"""TODO realtime."""
