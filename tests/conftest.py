"""Settings that every test shares."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# These hold no tests. Looking for doctests in them would import them a second time, under names that are taken.
collect_ignore_glob = ["conftest.py", "*/conftest.py", "reference/*", "logs.py", "contexts.py"]

# Deterministic: a run that passes passes again. No deadline, because the first call of a kernel compiles it.
settings.register_profile(
    "tactful",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=25 if os.environ.get("NUMBA_DISABLE_JIT") == "1" else 100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tactful")
