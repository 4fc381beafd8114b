"""Benchmarks: what was promised, measured beside what others do in the same run."""
