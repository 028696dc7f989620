"""``tactful promote``: a fitted policy becomes the version that an alias names."""

from __future__ import annotations

import json

import pytest

from tactful.serving.folder import digest_of
from tactful.tracking.mlflow_run import default_uri
from tactful.tracking.registry import pinned

NAME = "models:/weekly@live"


@pytest.mark.slow  # mlflow's import and a new SQLite store take seconds
def test_a_policy_becomes_the_one_that_services_follow(tactful, shop, tmp_path):
    uri, folder = default_uri(tmp_path / "store"), shop / "policy"
    said = json.loads(tactful("promote", folder, NAME, "--tracking-uri", uri, "--json").out)
    assert (said["model"], said["version"], said["alias"]) == ("weekly", "1", "live")
    assert said["sha256"] == digest_of(folder) == pinned(uri, "weekly", "live").sha256
    again = tactful("promote", folder, NAME, "--tracking-uri", uri)
    assert again.code == 0
    assert again.out.startswith(f"weekly version 2 is policy {said['policy']}; live now names it")
    down = tactful("promote", folder, NAME, "--tracking-uri", default_uri(folder / "policy.json"))
    assert (down.code, down.out, down.err.count("\n")) == (2, "", 1)


def test_mistakes_are_one_line(tactful, shop, tmp_path):
    (tmp_path / "empty").mkdir()
    for words, text in (
        ((shop / "policy", "weekly"), "models:/NAME@ALIAS"),
        ((shop / "policy", NAME), "name it, or set MLFLOW_TRACKING_URI"),
        ((tmp_path / "empty", NAME, "--tracking-uri", "http://localhost:1"), "no policy"),
    ):
        done = tactful("promote", *words)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
        assert text in done.err
