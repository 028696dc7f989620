"""A log written in partitions is the log; parts are whole or absent."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from tactful.core.log import Log
from tactful.errors import LogError, SpecError
from tactful.frames.partitions import events_frame, write_partitions
from tactful.frames.reading.read_log import read_log
from tactful.frames.spec.log_spec import LogSpec
from tactful.frames.write import to_frame
from tactful.simulate.world import World
from tactful.simulate.world_config import WorldConfig
from tactful.simulate.world_spec import world_spec

WORLD = World(replace(WorldConfig(), hazard=0.01, openness=-1.0))


def test_partitions_are_the_whole_and_read_as_a_log(tmp_path):
    calls: list[tuple[int, int]] = []
    written = write_partitions(
        WORLD, 70, 4, tmp_path / "log", seed=3, size=10, events=True, progress=lambda *counts: calls.append(counts)
    )
    simulated = WORLD.simulate(70, 4, seed=3, truth=False, vectors=False, events=True)
    frame = pl.read_parquet(tmp_path / "log" / "*.parquet")
    assert frame.equals(to_frame(simulated.log))
    assert pl.read_parquet(tmp_path / "log.events" / "*.parquet").equals(events_frame(simulated))
    assert (written.partitions, written.n, written.users, written.as_of) == (
        7,
        simulated.log.n,
        70,
        simulated.log.as_of,
    )
    assert (written.sends, written.events) == (simulated.events.user.size, tmp_path / "log.events")
    assert calls[0] == (10, 70)
    assert calls[-1] == (70, 70)
    (tmp_path / "spec.toml").write_text(world_spec(as_of=written.as_of))
    log: Log = read_log(tmp_path / "log", LogSpec.from_toml(tmp_path / "spec.toml"))
    assert to_frame(log).equals(frame)
    assert log.context_names == ("fatigue", "recent_dose")


def test_events_say_when_what_happened(tmp_path):
    simulated = WORLD.simulate(60, 3, seed=2, events=True)
    rows = events_frame(simulated)
    assert rows.columns == ["user", "segment", "sent_at", "slot", "opened_at", "opted_out_at", "session_added"]
    assert rows.select(pl.col("sent_at").diff().over("user").min()).item().total_seconds() > 0
    assert rows.filter(pl.col("opened_at") <= pl.col("sent_at")).is_empty()
    assert rows["slot"].unique().sort().to_list() == list(WORLD.config.slots)
    assert not rows.filter(pl.col("opened_at").is_null())["session_added"].any()
    with pytest.raises(SpecError, match="kept no events"):
        events_frame(WORLD.simulate(3, 1, seed=2))


def test_a_folder_that_holds_a_log_is_left_alone(tmp_path):
    write_partitions(WORLD, 5, 1, tmp_path / "log", seed=1)
    old_bytes = (tmp_path / "log" / "part-00000.parquet").read_bytes()
    with pytest.raises(LogError, match="already holds Parquet files"):
        write_partitions(WORLD, 5, 1, tmp_path / "log", seed=2)
    assert (tmp_path / "log" / "part-00000.parquet").read_bytes() == old_bytes
    assert [p.name for p in (tmp_path / "log").iterdir()] == ["part-00000.parquet"]
    with pytest.raises(SpecError, match="at least one"):
        write_partitions(WORLD, 0, 1, tmp_path / "other", seed=1)
    (tmp_path / "file").write_text("")
    with pytest.raises(LogError, match="cannot be written"):
        write_partitions(WORLD, 5, 1, tmp_path / "file", seed=1)
