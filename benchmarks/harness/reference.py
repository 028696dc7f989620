"""The tests' plain Python, for studies that compare with it."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "reference"


def load_reference(name: str) -> Any:
    """The module ``tests/reference/<name>.py`` of this checkout."""
    path = FOLDER / f"{name}.py"
    spec = spec_from_file_location(f"reference_{name}", path)
    if spec is None or spec.loader is None or not path.exists():
        raise SystemExit(f"no {path}: run this study in a checkout of the repository")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
