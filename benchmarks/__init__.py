"""Benchmarks: what was promised, measured beside what others do in the same run."""

import os

# What most laboratories have; ``benchmarks.drift`` measures the faster one beside it.
os.environ.setdefault("CRYOBATCH_FFT", "scipy")
