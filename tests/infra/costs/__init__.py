"""What the cost model says, by what it says it about."""
