"""Tests of restores: the outcome for each row, and the steps in an account."""
