"""Saved posteriors: continued, they equal one that never stopped; damaged, they are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

from context_logs import context_log
from logs import GRID, START, WEEK, random_log
from tactful.errors import PolicyFormatError
from tactful.models.conjugate.posterior import Conjugate
from tactful.models.contextual.linear import Linear
from tactful.models.contextual.logistic import Logistic
from tactful.models.files import load, save
from tactful.models.hierarchical.posterior import Hierarchical

MODELS = [Conjugate(), Conjugate(half_life_days=20.0), Hierarchical(), Hierarchical(tuned=False, half_life_days=20.0)]
OUTCOMES = ("engaged", "opens", "spend", "opted_out")
LOG = random_log(5, users=40, periods=4, actions=GRID, outcomes=OUTCOMES, as_of=START + 2910 * WEEK)


def first_weeks():
    early = START + 2902 * WEEK
    rows = LOG.take(LOG.decided_at < early)
    known = {
        o: replace(m, value=np.where(rows.decided_at <= early - m.spec.window_us, m.value, np.nan))
        for o, m in rows.outcomes.items()
    }
    return replace(rows, outcomes=known, as_of=early)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: f"{m.name}-{m.half_life_days}")
def test_a_posterior_saved_and_continued_equals_one_that_never_stopped(model, tmp_path):
    fit = model.fit(first_weeks())
    save(fit, tmp_path / "p")
    again = load(tmp_path / "p")
    assert (again.model, again.segments, again.lineage, again.actions) == (fit.model, fit.segments, fit.lineage, GRID)
    assert dict(again.outcomes) == dict(fit.outcomes)
    assert dict(again.watermarks) == dict(fit.watermarks)
    little = LOG.take(LOG.user < 5)
    for a, b in (
        (again, fit),
        (again.update(little), fit.update(little)),
        (again.update(little).update(LOG), fit.update(little).update(LOG)),
        (again.merge(again), fit.merge(fit)),
    ):
        for o in OUTCOMES:
            np.testing.assert_array_equal(a.mean(o), b.mean(o))
            np.testing.assert_array_equal(a.sd(o), b.sd(o))
            np.testing.assert_array_equal(a.draws(o, 5, 1), b.draws(o, 5, 1))


CONTEXTUAL = [
    Linear(),
    Linear(pooled=True, half_life_days=20.0),
    Linear(action_features=True, dispersion=False),
    Logistic(),
    Logistic(pooled=True, action_features=True, strength=3.0),
]
WITH_CONTEXT = context_log(5, users=40, outcomes=OUTCOMES, as_of=START + 2910 * WEEK)


@pytest.mark.parametrize("model", CONTEXTUAL, ids=str)
def test_a_contextual_posterior_continued_equals_one_that_never_stopped(model, tmp_path):
    early = WITH_CONTEXT.take(WITH_CONTEXT.period < 2902)
    late = replace(WITH_CONTEXT.take(WITH_CONTEXT.period >= 2902), as_of=START + 2911 * WEEK)
    late = replace(late, decided_at=late.decided_at + 10 * WEEK)
    fit = model.fit(early)
    save(fit, tmp_path / "p")
    again = load(tmp_path / "p")
    assert (again.model, again.features, again.lineage, type(again)) == (
        fit.model,
        fit.features,
        fit.lineage,
        type(fit),
    )
    gone = early.take(early.user < 4)
    pairs = ((again, fit), (again.update(late), fit.update(late)), (again.forget(gone), fit.forget(gone)))
    for a, b in (*pairs, (again.merge(again), fit.merge(fit))):
        for x, y in zip(a.sample, b.sample, strict=True):
            np.testing.assert_array_equal(x, y)
        for o in OUTCOMES:
            np.testing.assert_array_equal(a.coefficients(o), b.coefficients(o))
            np.testing.assert_array_equal(a.roots(o), b.roots(o))
            np.testing.assert_array_equal(a.mean(o), b.mean(o))
            np.testing.assert_array_equal(a.bank(o, 3, 1), b.bank(o, 3, 1))


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.update(options=p["options"] | {"pooled": True}),
        lambda p: p.update(options=p["options"] | {"strength": -1.0}),
        lambda p: p["features"].update(names=["x0"]),
        lambda p: p.update(features={"names": ["x0"], "centre": [0.0], "scale": [1.0]}),
        lambda p: p["features"].update(scale=[0.0, 1.0]),
        lambda p: p.update(segments=["", "ios"]),
        lambda p: p.pop("features"),
    ],
)
def test_a_contextual_posterior_that_does_not_fit_together_is_refused(change, tmp_path):
    save(Linear().fit(WITH_CONTEXT), tmp_path)
    edited(tmp_path, change)
    with pytest.raises(PolicyFormatError):
        load(tmp_path)


def test_saving_again_replaces_the_whole_and_leaves_nothing_behind(tmp_path):
    fit = Hierarchical().fit(first_weeks())
    save(fit, tmp_path)
    save(fit.update(LOG), tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 2
    assert names[0] == "posterior.json"
    np.testing.assert_array_equal(load(tmp_path).mean("engaged"), fit.update(LOG).mean("engaged"))


def edited(folder, change):
    """Change the JSON and seal it again."""
    path = folder / "posterior.json"
    plain = json.loads(path.read_bytes())
    del plain["sha256"]
    change(plain)
    head = ("{\n " + ",\n ".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in plain.items())).encode()
    path.write_bytes(head + f',\n "sha256": "{sha256(head).hexdigest()}"\n}}\n'.encode())


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.update(format=2),
        lambda p: p.update(model="oracle"),
        lambda p: p.update(segments=p["segments"][::-1]),
        lambda p: p.update(segments=p["segments"][:-1]),
        lambda p: p.update(options={"pooled": True}),
        lambda p: p.update(files={"../sums": {"sha256": "", "bytes": 9}}),
        lambda p: p.update(files={}),
        lambda p: p["files"][next(iter(p["files"]))].update(bytes=10),
        lambda p: p["files"][next(iter(p["files"]))].update(sha256="0" * 64),
        lambda p: p.pop("outcomes"),
        lambda p: p["outcomes"].update(more=p["outcomes"]["engaged"]),
    ],
)
def test_what_does_not_fit_together_is_refused(change, tmp_path):
    save(Hierarchical(tuned=False).fit(LOG), tmp_path)
    edited(tmp_path, change)
    with pytest.raises(PolicyFormatError):
        load(tmp_path)


def test_one_flipped_byte_or_a_missing_file_is_refused(tmp_path):
    save(Conjugate().fit(LOG), tmp_path)
    for path in sorted(tmp_path.iterdir()):
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        whole = path.read_bytes()
        path.write_bytes(raw)
        with pytest.raises(PolicyFormatError, match="checksum"):
            load(tmp_path)
        path.unlink()
        with pytest.raises(PolicyFormatError, match="no posterior"):
            load(tmp_path)
        path.write_bytes(whole)
    assert load(tmp_path).model == Conjugate()
    with pytest.raises(PolicyFormatError, match="cannot be written"):
        save(Conjugate().fit(LOG), tmp_path / "posterior.json")
