"""TODO conversations."""
