"""The figures of check and replay: written, the same for the same input, and refused where there is nothing to draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from logs import random_log
from tactful.errors import NothingToSayError
from tactful.learners.results import Batch, Replay
from tactful.report.learning_curve_figure import curves_figure
from tactful.report.overlap_figure import overlap_figure

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("vectors", [True, False])
def test_the_overlap_of_a_log(tmp_path, vectors):
    log = random_log(1, masks=True)
    log = log if vectors else replace(log, propensities=None)
    paths = [tmp_path / name for name in ("a.png", "b.png")]
    for path in paths:
        overlap_figure(path, log)
    assert paths[0].read_bytes().startswith(PNG)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_an_action_that_was_never_logged_leaves_a_gap(tmp_path):
    log = random_log(1)
    overlap_figure(tmp_path / "a.png", replace(log, action=np.minimum(log.action, 1)))
    assert (tmp_path / "a.png").exists()


def test_without_propensities_there_is_no_overlap(tmp_path):
    with pytest.raises(NothingToSayError, match="no overlap to draw"):
        overlap_figure(tmp_path / "a.png", replace(random_log(1), propensity=None))


@pytest.mark.parametrize("truth", [None, 0.4])
def test_a_learning_curve(tmp_path, truth):
    same = {"n": 100, "learnt_from": 0, "logging": 0.3, "truth": truth, "best": truth}
    batches = [
        Batch(start=2900, accepted=0, rejection=None, dr=None, **same),
        Batch(start=2901, accepted=5, rejection=0.2, dr=0.31, **same),
    ]
    sizes = {"n": 200, "users": 50, "accepted": 5, "rate": 0.03, "min_propensity": 0.03}
    found = Replay(learner="conjugate", says="", values=[], curve=batches, regret=None, left_out={}, **sizes)
    paths = [tmp_path / name for name in ("a.png", "b.png")]
    for path in paths:
        curves_figure(path, found)
    assert paths[0].read_bytes().startswith(PNG)
    assert paths[0].read_bytes() == paths[1].read_bytes()
