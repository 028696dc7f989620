"""What the benchmarks share. Scripts find it beside them; studies of ``reliability/`` import ``find_harness``."""
