"""What several suites share: the store engine, and the stepper that interleaves operations."""
