"""Pages, docstrings and comments name modules and files that exist."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = {p.name for p in (ROOT / "src" / "tactful").iterdir() if p.is_dir() and p.name != "__pycache__"}
FILES = ("toml", "html", "json", "db", "parquet", "csv", "png")
# A call without the package's name may be a method of a variable that is called like a room, such as journal.erase(…).
ROOM = "|".join(sorted(ROOMS))
DOTTED = re.compile(rf"(?<![\w/.])(?:tactful\.({ROOM})|({ROOM}))((?:\.[A-Za-z_]\w*)+)(\(?)")
PATH = re.compile(rf"(?<![\w/])((?:src|tests|docs|experiments|benchmarks|{ROOM})/[\w./]+\.(?:py|md|toml))")


def texts() -> list[Path]:
    files = [p for p in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")) if p.name != "CHANGELOG.md"]
    return sorted([*files, *(ROOT / "src").rglob("*.py")])


def prose(path: Path) -> list[str]:
    """What a page or a docstring marks as code, one piece each."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [a or b for a, b in re.findall(r"``([^`\n]+)``|:(?:func|class|mod|meth):`~?([^`]+)`", text)]


def modules(piece: str) -> list[str]:
    """The dotted names of tactful in a piece of code."""
    return [
        (full or room) + rest
        for full, room, rest, call in DOTTED.findall(piece)
        if rest.rpartition(".")[2] not in FILES and (full or not call)
    ]


def is_importable(dotted: str) -> bool:
    """Whether ``room.module`` or ``room.module.name`` exists."""
    parts = ["tactful", *dotted.split(".")]
    for size in range(len(parts), 1, -1):
        name = ".".join(parts[:size])
        try:
            if importlib.util.find_spec(name) is not None:
                rest = parts[size:]
                return not rest or (len(rest) <= 2 and has_name(name, rest[0]))
        except ModuleNotFoundError:
            continue
    return False


def has_name(module: str, name: str) -> bool:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    text = Path(spec.origin).read_text(encoding="utf-8")
    return re.search(rf"\b{re.escape(name)}\b", text) is not None


@pytest.mark.parametrize("path", texts(), ids=lambda p: str(p.relative_to(ROOT)))
def test_what_prose_names_exists(path):
    wrong: list[str] = []
    for piece in prose(path):
        wrong += [name for name in modules(piece) if not is_importable(name)]
        wrong += [
            name
            for name in PATH.findall(piece)
            if not any((base / name).exists() for base in (ROOT, ROOT / "src" / "tactful"))
        ]
    assert not wrong
