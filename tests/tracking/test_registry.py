"""A policy goes through a local registry and comes back as it was pinned."""

from __future__ import annotations

import pytest

from logs import GRID, START, table
from tactful.errors import PolicyFormatError, SpecError, TactfulError
from tactful.policies.artifact import save
from tactful.serving import Decider
from tactful.serving.folder import digest_of
from tactful.tracking.mlflow_run import client_of, default_uri
from tactful.tracking.registry import Pinned, alias_of, fetch, pinned, promote
from tactful.tracking.watcher import RegistrySource, Watcher

A, B = (table(seed, actions=GRID) for seed in range(2))
NAME = "models:/weekly@live"


@pytest.mark.parametrize("name", ["weekly@live", "models:/weekly", "models:/@live", "models:/a@", "models:/a/b@live"])
def test_what_is_no_alias_is_refused(name):
    with pytest.raises(SpecError, match="models:/NAME@ALIAS"):
        alias_of(name)


@pytest.mark.slow  # mlflow's import and a new SQLite store take seconds
def test_promoted_watched_swapped(tmp_path):
    uri = default_uri(tmp_path / "store")
    decider = Decider(A, clock=lambda: START)
    source = RegistrySource(NAME, uri, tmp_path / "cache")
    watcher = Watcher(decider, source)
    assert "weekly" in watcher.look().why  # no such model yet
    assert source.kept() is None
    assert promote(uri, save(A, tmp_path / "a"), NAME) == "1"
    assert watcher.look().version == A.version
    assert promote(uri, save(B, tmp_path / "b"), NAME) == "2"
    status = watcher.look()
    assert (status.version, status.why, status.sha256) == (B.version, "", digest_of(tmp_path / "b"))
    assert (decider.live(2901).version, decider.live(2901).source) == (B.version, NAME)
    # the registry goes down: the watcher says so, decisions go on, and a restart opens what was fetched last
    down = default_uri(tmp_path / "a" / "policy.json")
    late = Watcher(decider, RegistrySource(NAME, down, tmp_path / "cache"))
    assert late.look().failures == 1
    assert decider.decide("u", 2901).policy == B.version
    assert Decider.open(RegistrySource(NAME, down, tmp_path / "cache").kept()).policy.version == B.version
    # an alias that is moved back is followed; what is in the cache is not fetched again, unless it was damaged
    client = client_of(uri)
    client.set_registered_model_alias("weekly", "live", "1")
    (tmp_path / "cache" / digest_of(tmp_path / "a") / "policy.json").write_text("{}")
    assert watcher.look().version == A.version
    # a version that is not what its tag says
    client.set_model_version_tag("weekly", "2", "sha256", "0" * 64)
    client.set_registered_model_alias("weekly", "live", "2")
    assert "it is not as pinned" in watcher.look().why
    assert not [p for p in (tmp_path / "cache").iterdir() if p.name.startswith(".")]
    with pytest.raises(PolicyFormatError, match="not as pinned"):
        fetch(uri, Pinned("1" * 64, "weekly/1"), tmp_path / "cache" / "x")
    client.delete_model_version_tag("weekly", "2", "sha256")
    with pytest.raises(PolicyFormatError, match="no tag sha256"):
        pinned(uri, "weekly", "live")
    assert watcher.status.version == A.version
    with pytest.raises(TactfulError):
        promote(uri, tmp_path / "nowhere", NAME)
