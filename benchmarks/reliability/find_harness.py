"""Puts ``benchmarks/`` on the path, where ``harness`` is: every study of this folder imports it first."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
