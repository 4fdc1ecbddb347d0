"""The embedded SQS."""
