"""The harness of the experiments: runs, tables and their place in a README, records."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest


def test_what_is_there_is_not_missing(harness, tmp_path):
    store = harness("runs").RunFile(tmp_path / "runs.jsonl", ("method", "seed"))
    assert store.load() == []
    store.append({"method": "a", "seed": 1, "share": [0.5]})
    store.append({"method": "b", "seed": 1, "share": [0.25]})
    assert store.keys() == {("a", 1), ("b", 1)}
    assert list(store.missing([("a", 1), ("a", 2), ("b", 1), ("b", 2)])) == [("a", 2), ("b", 2)]
    assert store.load()[1] == {"method": "b", "seed": 1, "share": [0.25]}


def test_a_table_is_markdown_with_its_title(harness):
    table = harness("tables").Table("Title", ["a", "b"], [["1", "2"]], {"x": 1.0})
    assert table.markdown() == "**Title**\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n"
    assert harness("tables").metrics([table, table._replace(metrics={"y": None})]) == {"x": 1.0, "y": None}


def test_a_fragment_replaces_what_stands_between_its_marks(harness):
    inject = harness("tables").inject
    text = "head\n<!-- t -->\nold\n<!-- /t -->\ntail\n"
    assert inject(text, "t", "new\n\n") == "head\n<!-- t -->\nnew\n<!-- /t -->\ntail\n"
    assert inject(inject(text, "t", "new"), "t", "old\n") == text
    with pytest.raises(SystemExit, match="<!-- other -->"):
        inject(text, "other", "new")
    with pytest.raises(SystemExit, match="<!-- /t -->"):
        inject("<!-- t -->\nold\n", "t", "new")


def test_figures_have_their_error_over_seeds(harness):
    tables = harness("tables")
    assert tables.mean_and_error(np.array([1.0, 2.0, 3.0]), 2) == "2.00 ± 0.58"
    assert tables.mean_and_error(np.array([1.0])) == "1.000 ± 0.000"
    assert tables.signed(-0.25, 2) == "−0.25"


def test_an_estimate_is_shown_with_what_it_has(harness):
    cell = harness("real_log").cell
    entry = SimpleNamespace(value=0.5, low=0.25, high=0.75)
    assert cell(entry) == "0.5000 [0.2500, 0.7500]"
    assert cell(entry, 1000, 1) == "500.0 [250.0, 750.0]"
    assert cell(SimpleNamespace(value=0.5, low=None, high=None)) == "0.5000"
    assert cell(SimpleNamespace(value=None, low=None, high=None)) == "–"


def test_the_command_line_chooses_settings_and_folder(harness, tmp_path, monkeypatch):
    study = harness("study")
    (tmp_path / "config.toml").write_text("[run]\nseeds = 20\n[small]\nseeds = 2\n", encoding="utf-8")
    (tmp_path / "README.md").write_text("<!-- t -->\n<!-- /t -->\n", encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["run.py", "--small", "--seeds", "1", "--out", str(tmp_path / "out")])
    asked = study.read_study(str(tmp_path / "run.py"), study.seeds_parser("What it is.\n\nMore."))
    assert (asked.small, asked.draw, asked.settings, asked.name) == (True, False, {"seeds": 1}, tmp_path.name)
    asked.write_readme({"t": "table"})
    assert (tmp_path / "out" / "README.md").read_text(encoding="utf-8") == "<!-- t -->\ntable\n<!-- /t -->\n"
    monkeypatch.setattr("sys.argv", ["run.py"])
    asked = study.read_study(str(tmp_path / "run.py"), study.seeds_parser(None))
    assert (asked.out, asked.settings) == (tmp_path, {"seeds": 20})


def test_the_linear_programme_keeps_its_limits(module_of):
    """Two segments, two actions: the costly action where it is worth most, as often as the limit lets it."""
    optimum = module_of("005_limits", "year").optimum
    gain, cost = np.array([[0.0, 2.0], [0.0, 1.0]]), np.array([[0.0, 1.0], [0.0, 1.0]])
    pmf = optimum(gain, [cost], np.array([0.75]), np.array([0.5, 0.5]))
    np.testing.assert_allclose(pmf, [[0, 1], [0.5, 0.5]], atol=1e-9)
    with pytest.raises(ValueError, match="no policy keeps the limits"):
        optimum(gain, [cost + 1], np.array([0.5]), np.array([0.5, 0.5]))
