"""What is published is swapped in; what is damaged, half written or not for this decider never is."""

from __future__ import annotations

import threading

import pytest

from logs import GRID, PLAIN, START, table
from tactful.errors import SpecError, TactfulError
from tactful.policies.artifact import encode, save
from tactful.policies.table import always
from tactful.serving import Decider
from tactful.tracking.registry import Pinned
from tactful.tracking.watcher import LONGEST_S, FolderSource, Status, Watcher

A, B, C = (table(seed, actions=GRID) for seed in range(3))
NEXT = 2901


@pytest.fixture
def decider(tmp_path):
    return Decider(save(A, tmp_path / "policy"), clock=lambda: START)


def live(decider):
    return decider.live(NEXT).version


def test_a_new_policy_begins_with_the_next_period(tmp_path, decider):
    seen = []
    watcher = Watcher(decider, tmp_path / "policy", on_change=seen.append)
    assert watcher.look()[:4] == Status(decider.live().sha256, A.version)[:4]
    assert decider.live(NEXT).until_period is None  # nothing was swapped: it is what the decider was opened with
    save(B, tmp_path / "policy")
    status = watcher.look()
    assert (status.version, status.why, len(status.sha256)) == (B.version, "", 64)
    assert (decider.live(2900).version, live(decider)) == (A.version, B.version)
    assert decider.live(NEXT).source == str(tmp_path / "policy")
    assert watcher.look()[:4] == status[:4]
    assert [s.version for s in seen] == [B.version]


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (encode(B)[:-40], "checksum"),
        (encode(B).replace(b'"uniform": 0.0', b'"uniform": 0.5'), "checksum"),
        (b"", "checksum"),
        (encode(table(3, actions=PLAIN)), "other actions"),
        (encode(table(3, actions=GRID, scope="mail")), "scope"),
        (encode(table(3, actions=GRID, valid_until=3)), "expired"),
        (None, "No such file"),
    ],
)
def test_the_old_policy_stays_until_a_sound_one_comes(tmp_path, decider, damage, why):
    path = tmp_path / "policy" / "policy.json"
    watcher = Watcher(decider, tmp_path / "policy", every_s=10)
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage)
    for failures in (1, 2):
        status = watcher.look()
        assert why in status.why
        assert (status.version, status.failures, live(decider)) == (A.version, failures, A.version)
        assert watcher.wait_s() == 10 * 2**failures
    save(C, tmp_path / "policy")
    status = watcher.look()
    assert (status.version, status.why, status.failures, live(decider)) == (C.version, "", 0, C.version)
    assert watcher.wait_s() == 10


def test_a_frozen_decider_gets_it_when_it_thaws(tmp_path, decider):
    watcher = Watcher(decider, tmp_path / "policy")
    decider.freeze()
    save(B, tmp_path / "policy")
    status = watcher.look()
    assert (status.why, status.failures, live(decider)) == ("the decider is frozen", 0, A.version)
    decider.unfreeze()
    assert watcher.look().version == B.version


def test_what_was_rolled_back_does_not_return_by_itself(tmp_path, decider):
    watcher = Watcher(decider, tmp_path / "policy")
    save(B, tmp_path / "policy")
    watcher.look()
    decider.rollback()
    watcher.look()
    assert live(decider) == A.version
    save(C, tmp_path / "policy")
    watcher.look()
    assert live(decider) == C.version


def test_a_source_that_throws_anything_is_outlived(decider):
    class Down:
        name = "models:/x@live"

        def newest(self):
            raise ConnectionError("refused")

        def folder(self, found):
            raise AssertionError

    watcher = Watcher(decider, Down(), every_s=10)
    for _ in range(40):
        status = watcher.look()
    assert (status.why, status.failures) == ("ConnectionError: refused", 40)
    assert watcher.wait_s() == LONGEST_S
    assert decider.decide("u", 2900).fallback is None


def test_a_policy_that_is_not_as_pinned_is_refused(tmp_path, decider):
    class Wrong(FolderSource):
        def newest(self):
            return Pinned("0" * 64, self.name)

    watcher = Watcher(decider, Wrong(tmp_path / "policy"))
    assert "is not the pinned" in watcher.look().why


def test_the_thread_swaps_and_stops(tmp_path, decider):
    changed = threading.Event()
    before = threading.active_count()
    with Watcher(decider, tmp_path / "policy", every_s=0.005, on_change=lambda _: changed.set()) as watcher:
        assert watcher.start() is watcher
        save(always(GRID, "1x@08:00"), tmp_path / "policy")
        assert changed.wait(20)
        assert live(decider) == always(GRID, "1x@08:00").version
    assert threading.active_count() == before


def test_an_alias_needs_to_be_told_where_it_is(decider):
    with pytest.raises(SpecError, match="RegistrySource"):
        Watcher(decider, "models:/weekly@live")
    assert issubclass(SpecError, TactfulError)
