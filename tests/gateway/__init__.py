"""Tests of the local API Gateway: at least one test per rule that it enforces."""
