"""The public boundary: seven faces, their stubs, and the committed listing of what they show."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import FunctionType

import pytest
from faces import FACES, homes, stub_path
from public_names import COMMAND, LISTING, listing

CHANGED = f"the boundary has changed; if that is meant, run: {COMMAND}"


def imported(path: Path) -> dict[str, tuple[str, str]]:
    """The names that a stub imports, as :func:`faces.homes` gives them."""
    return {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@pytest.mark.parametrize("face", FACES)
def test_every_name_leads_somewhere(face):
    module = import_module(face)
    assert set(module.__all__) == set(homes(face)) <= set(dir(module))
    for name, (home, attribute) in homes(face).items():
        assert getattr(module, name) is getattr(sys.modules[home], attribute)


@pytest.mark.parametrize("face", FACES)
def test_the_stub_agrees_with_the_table(face):
    tree = ast.parse(stub_path(face).read_text(encoding="utf-8"))
    listed = next(ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign))
    assert (imported(stub_path(face)), set(listed)) == (homes(face), set(homes(face))), CHANGED


def test_no_other_package_has_a_stub():
    stubs = set(stub_path("tactful").parent.rglob("*.pyi"))
    assert stubs == {stub_path(face) for face in FACES}


def test_the_listing_is_that_of_the_source():
    assert listing() == LISTING.read_text(encoding="utf-8"), CHANGED


def test_a_name_that_is_not_public_is_no_attribute():
    with pytest.raises(AttributeError, match="module 'tactful' has no attribute 'learn'"):
        import_module("tactful").learn  # noqa: B018


def test_a_function_stays_when_its_module_is_imported():
    from tactful.ope.bootstrap import bootstrap

    import_module("tactful.ope.markov_test")
    ope = import_module("tactful.ope")
    assert ope.bootstrap is bootstrap
    assert isinstance(ope.markov_test, FunctionType)


@pytest.mark.parametrize("face", FACES)
def test_importing_a_face_loads_no_room(face):
    code = f"import {face}, json, sys; print(json.dumps([m for m in sys.modules if m.partition('.')[0] != 'json']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert {m for m in loaded if m.partition(".")[0] == "tactful"} == {
        "tactful",
        "tactful._faces",
        "tactful.errors",
        face,
    }
    assert "numpy" not in loaded
