"""Figures are deterministic files in which no text overlaps another."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tactful.core.actions import ActionSpace
from tactful.errors import MissingExtraError
from tactful.report.cadence_figure import cadence_figure, columns, most_likely, sends

GRID = ActionSpace.grid(["08:00", "12:00", "18:00", "21:30"], [1, 2, 3, 5, 7])
PLAIN = ActionSpace.named(["none", "send"])
LONG = ActionSpace.named([f"a-campaign-with-a-long-name-{i}" for i in range(12)])


def leaves(n):
    return [f"android/regular/evening-{i}" for i in range(n)]


def pmf_of(n, k, seed=0):
    return np.random.default_rng(seed).dirichlet(np.full(k, 0.2), n)


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were written, kept to be looked into."""
    from matplotlib.figure import Figure

    kept: list[Figure] = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (kept.append(self), save(self, *a, **k))[1])
    return kept


@pytest.mark.parametrize(
    ("actions", "segments", "title"),
    [
        (GRID, leaves(24), "Learned cadence"),
        (PLAIN, ["ios/new", "an$dr$oid/WWWWWWWWWW"], ""),
        (GRID, [""], "One policy for everyone"),
        (LONG, leaves(60), "A title that is about as long as one would ever write it above such a figure"),
    ],
    ids=["grid", "plain", "one segment", "many"],
)
def test_no_text_overlaps_another_or_leaves_the_page(tmp_path, drawn, actions, segments, title):
    n = len(segments)
    expected = {"opted_out": np.full(n, 0.0041), "engaged": np.linspace(1, 12, n)}
    pmf = pmf_of(n, actions.k)
    cadence_figure(tmp_path / "x.png", actions=actions, segments=segments, pmf=pmf, expected=expected, title=title)
    figure = drawn[0]
    page = figure.bbox
    texts = [t for t in figure.axes[0].texts if t.get_text()]
    boxes = [t.get_window_extent() for t in texts]
    assert all(b.x0 >= 0 and b.y0 >= 0 and b.x1 <= page.x1 and b.y1 <= page.y1 for b in boxes)
    level = [(t, b) for t, b in zip(texts, boxes, strict=True) if t.get_rotation() == 0]
    for i, (one, a) in enumerate(level):
        for other, b in level[i + 1 :]:
            assert not a.overlaps(b), (one.get_text(), other.get_text())


def test_the_figure_says_what_the_policy_does(tmp_path, drawn):
    pmf = np.eye(GRID.k)[[0, 4, 20]] * 0.9 + 0.1 / GRID.k
    names = ["ios", "ios/new", "web"]
    cadence_figure(tmp_path / "x.png", actions=GRID, segments=names, pmf=pmf, expected={"opted_out": np.full(3, 0.002)})
    said = {t.get_text() for t in drawn[0].axes[0].texts}
    assert {*names, "none", "5x@08:00", "7x@21:30", "08:00", "21:30", "2.00", "opted_out ‰", "sends", "90"} <= said


def test_many_segments_are_cut_and_the_title_says_so(tmp_path, drawn):
    cadence_figure(tmp_path / "x.png", actions=PLAIN, segments=leaves(41), pmf=pmf_of(41, 2), title="T")
    said = [t.get_text() for t in drawn[0].axes[0].texts]
    assert "T (first 40 of 41 segments)" in said
    assert leaves(41)[39] in said
    assert leaves(41)[40] not in said


def test_the_same_policy_gives_the_same_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        cadence_figure(tmp_path / name, actions=GRID, segments=leaves(3), pmf=pmf_of(3, GRID.k))
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_pyplot_stays_out(tmp_path):
    code = (
        "import sys, numpy as np\nfrom tactful.core.actions import ActionSpace\n"
        "from tactful.report.cadence_figure import cadence_figure\nassert 'matplotlib' not in sys.modules\n"
        f"cadence_figure({str(tmp_path / 'x.png')!r}, actions=ActionSpace.named(['none', 'send']), segments=[''],"
        " pmf=np.full((1, 2), 0.5))\nassert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_columns_stand_slot_by_slot_with_none_first():
    placed = columns(GRID)
    assert [c.action for c in placed] == list(range(21))
    assert [c.label for c in placed[:6]] == ["none", "1×", "2×", "3×", "5×", "7×"]
    assert np.all(np.diff([c.at for c in placed]) >= 1 - 1e-9)


def test_expected_sends_and_the_likeliest():
    pmf = np.eye(GRID.k)[[4, 0]]
    assert sends(GRID, pmf).tolist() == [5, 0]
    assert most_likely(GRID, pmf) == ["5x@08:00", "none"]
    assert sends(PLAIN, np.full((1, 2), 0.5)) is None


def test_without_matplotlib_the_error_has_the_pip_line(monkeypatch, tmp_path):
    for name in [m for m in sys.modules if m == "matplotlib" or m.startswith("matplotlib.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tactful\[report\]'"):
        cadence_figure(tmp_path / "x.png", actions=PLAIN, segments=[""], pmf=np.full((1, 2), 0.5))
