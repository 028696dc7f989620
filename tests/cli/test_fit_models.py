"""``tactful fit --model``: contextual models on a log with a context, and the options that only they have."""

from __future__ import annotations

import json

import polars as pl
import pytest

from tactful.policies.artifact import load


@pytest.mark.parametrize(
    "options",
    [
        ["--model", "linear"],
        ["--model", "linear", "--pooled", "--half-life", "30"],
        ["--model", "logistic", "--pooled", "--action-features"],
    ],
    ids=" ".join,
)
def test_a_contextual_model_is_fitted(tactful, shop, tmp_path, options):
    log, spec, out = shop / "log.parquet", shop / "log.spec.toml", tmp_path / "policy"
    done = tactful("fit", log, "--spec", spec, "--out", out, *options, "--json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert found["features"] == ["fatigue", "recent_dose"]
    assert found["redundant_features"] == found["not_converged"] == []
    assert set(found["repaired"].values()) == {0}
    assert load(out).lineage.model == options[1]


def test_a_redundant_feature_is_named(tactful, shop, tmp_path):
    log, spec = tmp_path / "log.parquet", tmp_path / "spec.toml"
    frame = pl.read_parquet(shop / "log.parquet")
    name = next(c for c in frame.columns if c.endswith("fatigue"))
    frame.with_columns((2 * pl.col(name) + 1).alias("twice"), pl.lit(4.0).alias("same")).write_parquet(log)
    text = (shop / "log.spec.toml").read_text()
    spec.write_text(text.replace('context = ["fatigue", ', 'context = ["fatigue", "twice", "same", '))
    done = tactful("fit", log, "--spec", spec, "--out", tmp_path / "p", "--model", "linear", "--pooled")
    assert done.code == 0, done.err
    assert "warning: twice, same add nothing" in done.out


def test_options_of_contextual_models_are_refused_elsewhere(tactful, shop, tmp_path):
    arguments = ["fit", shop / "log.parquet", "--spec", shop / "log.spec.toml", "--out", tmp_path / "p"]
    done = tactful(*arguments, "--pooled")
    assert done.code == 2
    assert "--pooled: the hierarchical model has no such option; add --model linear" in done.err
    done = tactful(*arguments, "--model", "lineal")
    assert done.code == 2
    assert "choose one of hierarchical, conjugate, linear, logistic" in done.err
