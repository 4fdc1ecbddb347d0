"""The latency, conflict and fault layers, and the stepper, against a real engine."""
