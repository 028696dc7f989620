"""The public faces, and the stubs that type checkers read.

``public_names.py`` writes the stubs anew from the tables of the packages.
"""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "tactful"
FACES = (
    "tactful",
    "tactful.journal",
    "tactful.models",
    "tactful.ope",
    "tactful.serving",
    "tactful.simulate",
    "tactful.tracking",
)


def homes(face: str) -> dict[str, tuple[str, str]]:
    """For every public name, the module that defines it and what it is called there."""
    return dict(import_module(face).__homes__)


def stub_path(face: str) -> Path:
    return ROOT / "src" / Path(*face.split(".")) / "__init__.pyi"


def stub(face: str) -> str:
    """The stub of a face, as ruff writes it."""
    by_module = defaultdict(list)
    for public, (module, name) in homes(face).items():
        by_module[module].append(name if name == public else f"{name} as {public}")
    lines = [f"from {module} import {', '.join(names)}" for module, names in by_module.items()]
    names = "".join(f'"{name}", ' for name in homes(face))
    text = "\n".join([*lines, "", f"__all__ = [{names}]", *["__version__: str"] * (face == "tactful"), ""])
    for arguments in (["check", "--select", "I,RUF022", "--fix", "--quiet"], ["format", "--quiet"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", str(stub_path(face)), "-"]
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return text
