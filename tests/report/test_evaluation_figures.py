"""Figures of an evaluation: equal input gives equal bytes, they show what was found, and the page stands alone."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from logs import GRID, random_log, table
from tactful.core.outcomes import Objective
from tactful.diagnostics.check import check
from tactful.errors import SpecError
from tactful.evaluation.evaluate import evaluate
from tactful.evaluation.overlap import overlap
from tactful.models.conjugate.posterior import Conjugate
from tactful.ope.reliability import REFUSE_ESS
from tactful.planning.frontier import frontier

pytest.importorskip("matplotlib")

from tactful.report.canvas import svg
from tactful.report.estimate_figure import estimates_figure
from tactful.report.evaluation_figures import pictures
from tactful.report.frontier_figure import frontier_figure
from tactful.report.html_page import Picture, Section, listed, page
from tactful.report.html_report import ReportParts, report
from tactful.report.weight_figure import reach_figure, weights_figure

WORTH = Objective({"engaged": 1.0, "opted_out": -3.0})
LOG = random_log(
    2,
    users=400,
    actions=GRID,
    outcomes=("engaged", "opted_out"),
    objective=WORTH,
    propensities=np.full((1600, 5), 0.2),
)
POLICY = table(2, actions=GRID, uniform=0.3)
NAME = "a$b$<c>"  # no mathematics, no markup


@pytest.fixture(scope="module")
def result():
    return evaluate(LOG, POLICY)


@pytest.fixture(scope="module")
def family():
    train, test = LOG.split(0.5, "frontier")
    return frontier(test, Conjugate().fit(train), LOG.objective, "opted_out", prices=[0, 4, 30])


def texts(figure):
    return {t.get_text() for axes in figure.axes for t in [axes.title, *axes.texts, *axes.get_yticklabels()]} | {
        axes.get_title(loc="left") for axes in figure.axes
    }


@pytest.mark.slow
def test_pictures_are_written_and_equal_input_gives_equal_bytes(result, tmp_path):
    (tmp_path / "b").mkdir()
    first = pictures(tmp_path, LOG, result, {NAME: POLICY, "logging": POLICY})
    second = pictures(tmp_path / "b", LOG, result, {NAME: POLICY, "logging": POLICY})
    assert [p.name for p in first] == ["estimates.png", "weights.png", "reach.png"]
    for a, b in zip(first, second, strict=True):
        assert a.read_bytes() == b.read_bytes()
        assert a.read_bytes().startswith(b"\x89PNG")


def test_estimates_stand_where_they_are(result):
    figure = estimates_figure(result, NAME, "logging")
    panels = dict(zip(["objective", "engaged", "opted_out"], figure.axes[::2], strict=True))
    for outcome, axes in panels.items():
        assert axes.get_title(loc="left") == outcome
        assert [t.get_text() for t in axes.get_yticklabels()] == ["ips", "snips", "dm", "dr"]
        spans = {tuple(line.get_xdata()) for line in axes.lines if len(line.get_xdata()) == 2}
        for name in ("ips", "snips", "dr"):
            entry = result["target", outcome, name]
            assert (entry.low, entry.high) in spans


def test_a_refused_estimate_shows_its_verdict():
    few = evaluate(random_log(1, users=20), "always:morning")
    assert few["target", "engaged", "ips"].verdict == "refused"
    assert "refused" in texts(estimates_figure(few, "p", "logging"))


def test_the_log_s_reach():
    of = overlap(LOG, POLICY)
    assert of.path[0].distance == 0
    assert of.path[0].ess == pytest.approx(LOG.n)
    assert of.path[-1] == of.policy
    assert of.policy.ess == pytest.approx(of.weight.sum() ** 2 / (of.weight**2).sum())
    assert of.policy.distance == pytest.approx(np.abs(of.weight - 1).mean() / 2)
    assert of.uniform.distance == pytest.approx(0, abs=1e-8)
    assert set(of.always) == set(GRID.names)
    assert of.always["none"].ess == pytest.approx((LOG.action == 0).sum())
    assert sorted(r.distance for r in of.path) == [r.distance for r in of.path]
    assert f"refused below {REFUSE_ESS:g}" in texts(reach_figure(of, NAME))
    title = f"Weights of {NAME}: 1,600 decisions are worth {of.policy.ess:,.0f}"
    assert any(t.startswith(title) for t in texts(weights_figure(of, NAME)))
    zeros = overlap(LOG, table(5, actions=GRID))
    assert any("weight 0 in" in t for t in texts(weights_figure(zeros, "p")))
    weights_figure(overlap(LOG, table(2, actions=GRID, uniform=1.0)), "all weights alike")


def test_the_frontier_is_a_family_of_prices_and_logging(family):
    assert [p.price for p in family.points] == [0.0, 4.0, 30.0, None]
    assert len({p.version for p in family.points}) == 4
    assert dict(family.values.values) == {"engaged": 1.0}
    test = LOG.split(0.5, "frontier")[1]
    logged = family.points[-1]
    assert logged.value.value == pytest.approx(test.outcomes["engaged"].value.mean())
    assert logged.cost.value == pytest.approx(test.outcomes["opted_out"].value.mean())
    assert family.points[2].cost.value < family.points[0].cost.value  # a price of 30 sends less
    figure = frontier_figure(family, 0.03)
    assert {"0", "30", "logging"} <= {t.get_text() for t in figure.axes[0].texts}
    with pytest.raises(SpecError, match="no frontier of value against 'x'"):
        frontier(test, Conjugate().fit(test), LOG.objective, "x")
    with pytest.raises(SpecError, match="give another one a value"):
        frontier(test, Conjugate().fit(test), Objective({"opted_out": -1.0}), "opted_out")


def test_the_page_stands_alone(result, family):
    parts = ReportParts(
        name="log.parquet",
        policy=NAME,
        baseline="logging",
        check=check(LOG),
        result=result,
        overlap=overlap(LOG, POLICY),
        frontier=family,
        limit=0.03,
        remarks=["Said <so>."],
    )
    html = report(parts)
    assert "a$b$&lt;c&gt;" in html
    assert "Said &lt;so&gt;." in html
    assert not re.search(r'(src|href)="(?!#)', html.replace('xlink:href="#', ""))
    assert html.count("<svg") == html.count("</svg>") == 4
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', html))
    assert used <= set(ids)
    for element in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        ET.fromstring(element)  # noqa: S314 - our own
    entry = result["difference", "objective", "snips"]
    assert f"{entry.value:.5f} [" in html or f"{entry.value:.4f} [" in html


def test_parts_of_a_page():
    made = page("t", "l", [Section("h", [Picture('<svg id="a"/>', "c")], ["s"], listed(["<x>"])), Section("empty")])
    assert '<svg id="p0-a"/>' in made
    assert "<li>&lt;x&gt;</li>" in made
    assert "<h2>empty</h2>" in made


def test_equal_figures_give_equal_elements():
    one, other = (svg(weights_figure(overlap(LOG, POLICY), "p")) for _ in range(2))
    assert one == other
    assert "dc:date" not in one
