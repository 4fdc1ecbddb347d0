"""Tests of the example products."""
