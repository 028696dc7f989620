"""What stands outside of the package uses public names alone: experiments, benchmarks, and what pages show."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator

import pytest
from faces import FACES, ROOT, homes

SCRIPTS = sorted(path for folder in ("experiments", "benchmarks") for path in (ROOT / folder).rglob("*.py"))
PAGES = sorted(
    {ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "experiments").rglob("*.md")}
    - {ROOT / "docs" / "architecture.md", ROOT / "docs" / "stability.md"}  # these speak of private modules
)
PACKAGES = {face.partition(".")[2] for face in FACES} - {""}
INSIDE = {
    path.stem for path in (ROOT / "src" / "tactful").iterdir()
}  # the rooms; other dotted names are files and the like


def private(path: str) -> bool:
    """Whether a dotted name that begins with ``tactful`` is none of a face."""
    face = max((f for f in FACES if f"{path}.".startswith(f"{f}.")), key=len)
    name = path.removeprefix(face).lstrip(".").partition(".")[0]
    return bool(name) and name not in {*homes(face), "__version__", "__all__"}


def used(tree: ast.AST) -> Iterator[str]:
    """The dotted names of ours that a module imports, or reaches through a package that it has imported."""
    packages = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == "tactful":
                    yield alias.name
                    packages[alias.asname or "tactful"] = alias.name if alias.asname else "tactful"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "tactful":
            for alias in node.names:
                yield f"{node.module}.{alias.name}"
                if node.module == "tactful" and alias.name in PACKAGES:
                    packages[alias.asname or alias.name] = f"tactful.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            chain = ast.unparse(node)
            head, _, tail = chain.partition(".")
            if head in packages and re.fullmatch(r"[\w.]+", chain):
                yield f"{packages[head]}.{tail}"


def strings(tree: ast.AST) -> Iterator[ast.AST]:
    """Programs that stand in strings, for another process."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and "import tactful" in node.value.replace("from", "import")
        ):
            try:
                yield ast.parse(textwrap.dedent(node.value))
            except SyntaxError:
                continue


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_experiments_and_benchmarks_use_public_names_alone(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert sorted({name for program in (tree, *strings(tree)) for name in used(program) if private(name)}) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_pages_name_public_names_alone(path):
    text = path.read_text(encoding="utf-8")
    programs = [block.replace("...}", "}") for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)]
    names = {name for program in programs for name in used(ast.parse(program))}
    names |= {name for name in re.findall(r"\btactful(?:\.\w+)+", text) if name.split(".")[1] in INSIDE}
    assert sorted(filter(private, names)) == []
