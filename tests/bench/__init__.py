"""Tests of the benchmarks: their engine, simulated time and checks, and a short run of each."""
