"""Benchmarks: `python -m bench`, see `docs/performance.md`. All traffic stays on this machine."""
