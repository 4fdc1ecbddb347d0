"""That the benchmarks measure what they say: their engine, their time, their checks, and short runs of each."""
