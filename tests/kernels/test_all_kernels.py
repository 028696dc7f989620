"""Every kernel is compared with plain Python in the test file of its module, and plain Python knows no kernels."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import tactful.kernels

KERNELS = Path(tactful.kernels.__file__).parent
TESTS = Path(__file__).parents[1]
MODULES = sorted(path.stem for path in KERNELS.glob("*.py") if path.stem != "__init__")


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(tree, decorators):
    """Public functions of a module that bear one of the decorators."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            marks = {d.func.id if isinstance(d, ast.Call) else d.id for d in node.decorator_list}
            if marks & decorators:
                names.add(node.name)
    return names


def imports(tree):
    """(module, name) of everything that a module imports from another one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)


def shared(module):
    """What others call: kernels, and helpers that another module of kernels imports; for ``jit`` its decorators."""
    tree = parsed(KERNELS / f"{module}.py")
    if module == "jit":
        return {"kernel", "helper", "inlined", "summing"}
    borrowed = {
        name
        for path in KERNELS.glob("*.py")
        for source, name in imports(parsed(path))
        if source == f"tactful.kernels.{module}"
    }
    return functions(tree, {"kernel"}) | (functions(tree, {"helper", "inlined", "summing"}) & borrowed)


@pytest.mark.parametrize("module", MODULES)
def test_every_kernel_is_named_in_its_test_file(module):
    tree = parsed(TESTS / "kernels" / f"test_{module}_kernel.py")
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    used |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert shared(module)
    assert not shared(module) - used


def test_every_test_file_has_its_module():
    files = {path.stem for path in (TESTS / "kernels").glob("test_*_kernel.py")}
    assert files == {f"test_{module}_kernel" for module in MODULES}


@pytest.mark.parametrize("path", sorted((TESTS / "reference").glob("*.py")), ids=lambda path: path.stem)
def test_plain_python_imports_nothing_of_tactful(path):
    packages = {source.partition(".")[0] for source, _ in imports(parsed(path)) if source}
    assert "tactful" not in packages
    assert "numba" not in packages
