"""The latency, conflict and fault layer, and the stepper, against a real engine."""
