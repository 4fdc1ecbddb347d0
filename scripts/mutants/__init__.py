"""Mutation testing with hand-written mutants."""
