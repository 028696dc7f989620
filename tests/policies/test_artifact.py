"""The artifact: what was saved is what is loaded, and anything odd is refused, sealed or not."""

from __future__ import annotations

import json
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logs import GRID, PLAIN, on_terms, table
from tactful.core.actions import ActionSpace
from tactful.core.draw import ONE
from tactful.core.lineage import Lineage
from tactful.core.outcomes import Limits, Objective
from tactful.core.segments import Segments
from tactful.errors import PolicyFormatError
from tactful.policies import artifact
from tactful.policies.arms import Arms
from tactful.policies.artifact import MAX_BYTES, NAME, decode, encode, load, save
from tactful.policies.table import Table, always, uniform
from tactful.policies.terms import Terms

POLICY = table(1, uniform=0.03, arms=Arms(0.1, 0.05, "a"), from_period=3, valid_until=9, scope="push")
BEHAVIOUR = ["kind", "actions", "segments", "shares", "uniform", "salt", "scope", "arms", "from_period", "valid_until"]

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
PARTS = st.text("ab%é", min_size=1, max_size=3)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PERIODS = st.none() | st.integers(-(2**40), 2**40)


@st.composite
def policies(draw):
    if draw(st.booleans()):
        actions = ActionSpace.grid(draw(st.lists(st.sampled_from(["00:00", "23:59"]), min_size=1, unique=True)), [1, 3])
    else:
        actions = ActionSpace.named(draw(st.lists(NAMES, min_size=2, max_size=5, unique=True)))
    segments = Segments.of(draw(st.lists(st.lists(PARTS, max_size=3).map("/".join), max_size=5)))
    pmf = np.random.default_rng(draw(st.integers(0, 2**32))).dirichlet(np.full(actions.k, 0.3), len(segments)) + 1e-12
    control = draw(st.floats(0, 1))
    lineage = Lineage(
        log=draw(NAMES), split_salt=draw(NAMES), split_share=draw(st.floats(0, 1)), trained_until=draw(PERIODS)
    )
    return Table.of(
        actions,
        segments,
        pmf,
        Terms(
            uniform=draw(st.floats(0, 1) | st.sampled_from([0, 1])),
            salt=draw(NAMES),
            scope=draw(NAMES),
            arms=Arms(control, (1 - control) * draw(st.floats(0, 0.99)), draw(NAMES)),
            from_period=draw(PERIODS),
            valid_until=draw(PERIODS),
            objective=draw(st.none() | st.dictionaries(NAMES, NUMBERS, max_size=3).map(Objective)),
            limits=Limits(
                draw(st.dictionaries(NAMES, NUMBERS, max_size=2)), draw(st.none() | st.floats(0, 7)), {"23:59": 0.2}
            ),
            expected=draw(st.dictionaries(NAMES, NUMBERS, max_size=3)),
            lineage=draw(st.none() | st.just(lineage)),
        ),
    )


def same(a, b):
    assert (a.shares == b.shares).all()
    assert a.shares.dtype == b.shares.dtype
    for name in ("actions", "segments", "uniform", "salt", "scope", "arms", "from_period", "valid_until", "objective"):
        assert getattr(a, name) == getattr(b, name)
    assert (a.limits, dict(a.expected), a.lineage, a.version) == (b.limits, dict(b.expected), b.lineage, b.version)


@given(policies())
def test_loading_what_was_saved_is_the_identity(policy):
    raw = encode(policy)
    same(decode(raw), policy)
    assert encode(decode(raw)) == raw


def test_saving_and_loading_a_folder(tmp_path):
    folder = tmp_path / "deep" / "policy"
    assert save(POLICY, folder) == folder
    same(load(folder), POLICY)
    same(load(str(folder)), POLICY)
    assert [p.name for p in folder.iterdir()] == [NAME]
    assert (folder / NAME).read_bytes() == encode(POLICY)


def test_an_older_policy_is_replaced_and_nothing_is_left_behind(tmp_path):
    for policy in (POLICY, always(PLAIN, "none"), uniform(GRID)):
        save(policy, tmp_path)
        same(load(tmp_path), policy)
    assert [p.name for p in tmp_path.iterdir()] == [NAME]


def test_a_failed_save_leaves_the_older_policy_and_no_other_file(tmp_path, monkeypatch):
    save(POLICY, tmp_path)
    with pytest.raises(ValueError, match="JSON"):
        save(on_terms(POLICY, expected={"engaged": float("nan")}), tmp_path)

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(PolicyFormatError, match="No space left"):
        save(uniform(PLAIN), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [NAME]
    same(load(tmp_path), POLICY)


def test_a_place_that_cannot_hold_a_policy(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(PolicyFormatError, match="cannot be written"):
        save(POLICY, tmp_path / "file")
    (tmp_path / "folder" / NAME).mkdir(parents=True)
    with pytest.raises(PolicyFormatError, match="cannot be written"):
        save(POLICY, tmp_path / "folder")
    assert [p.name for p in (tmp_path / "folder").iterdir()] == [NAME]


def test_a_policy_larger_than_can_be_loaded_is_not_saved(tmp_path, monkeypatch):
    monkeypatch.setattr(artifact, "MAX_BYTES", len(encode(POLICY)) - 1)
    with pytest.raises(PolicyFormatError, match="bytes"):
        save(POLICY, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_a_folder_without_a_policy(tmp_path, name):
    with pytest.raises(PolicyFormatError, match="no policy"):
        load(tmp_path / name)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / NAME).open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(PolicyFormatError, match="more than a policy"):
        load(tmp_path)


def test_any_flipped_byte_is_refused():
    raw = encode(POLICY)
    rng = np.random.default_rng(5)
    seal = range(len(raw) - 90, len(raw))
    for at in [*rng.choice(len(raw), 200, replace=False).tolist(), *seal]:
        for flip in (1 << rng.integers(8), 0xFF):
            with pytest.raises(PolicyFormatError):
                decode(raw[:at] + bytes([raw[at] ^ flip]) + raw[at + 1 :])


def test_any_truncation_or_extension_is_refused():
    raw = encode(POLICY)
    for end in [*range(0, len(raw), 17), *range(len(raw) - 90, len(raw))]:
        with pytest.raises(PolicyFormatError):
            decode(raw[:end])
    for more in (b"\n", b" ", b"}", raw):
        with pytest.raises(PolicyFormatError):
            decode(raw + more)


def sealed(plain):
    """The bytes of a policy.json with these members and a right seal."""
    head = ("{\n " + ",\n ".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in plain.items())).encode()
    return head + f',\n "sha256": "{sha256(head).hexdigest()}"\n}}\n'.encode()


def forged(**changes):
    """A validly sealed file of a policy with members changed, whose version says what it holds."""
    plain = json.loads(encode(POLICY))
    del plain["sha256"]
    for key, value in changes.items():
        parts = key.split("__")
        place = plain
        for part in parts[:-1]:
            place = place[part]
        place[parts[-1]] = value
    if "version" not in changes:
        body = json.dumps({k: plain[k] for k in BEHAVIOUR if k in plain}, sort_keys=True, separators=(",", ":"))
        plain["version"] = sha256(body.encode()).hexdigest()[:16]
    return sealed(plain)


def test_sealing_here_is_sealing_there():
    assert forged() == encode(POLICY)
    assert decode(forged(uniform=0.5)).uniform == 0.5


WHOLE = [ONE, 0, 0]
ROWS = [WHOLE] * 4

ODD = {
    "newer format": ({"format": 2}, "update tactful"),
    "older format": ({"format": 0}, "save the policy again"),
    "format of text": ({"format": "1"}, ""),
    "no format": ({"format": None}, ""),
    "unknown kind": ({"kind": "forest"}, "unknown kind 'forest'"),
    "wrong version": ({"version": "0" * 16}, "says 0000000000000000"),
    "a file outside": ({"files": {"../arrays.safetensors": "00"}}, "outside the folder"),
    "an absolute file": ({"files": {"/etc/passwd": "00"}}, "outside the folder"),
    "a file below": ({"files": {"a/b": "00"}}, "outside the folder"),
    "a hidden file": ({"files": {".x": "00"}}, "outside the folder"),
    "a file too many": ({"files": {"arrays.safetensors": "00"}}, "no file"),
    "more segments than rows": ({"segments": ["", "android", "ios", "web", "ios/new"]}, "shares are not 5 rows"),
    "a million segments": ({"segments": ["", *(f"s{i:07}" for i in range(10**5))]}, "shares are not 100001 rows"),
    "more rows than segments": ({"shares": [WHOLE] * 5}, "shares are not 4 rows"),
    "a row too long": ({"shares": [WHOLE, WHOLE, WHOLE, [*WHOLE, 0]]}, "shares are not"),
    "a row too short": ({"shares": [WHOLE, WHOLE, WHOLE, [ONE, 0]]}, "shares are not"),
    "no rows": ({"shares": []}, "shares are not"),
    "rows that are no lists": ({"shares": [1, 2, 3, 4]}, ""),
    "shares of text": ({"shares": ["abc"] * 4}, "shares are not"),
    "a huge integer": ({"shares": [[2**70, 0, 0], *ROWS[1:]]}, "shares are not"),
    "an overflow": ({"shares": [[2**64, ONE, 0], *ROWS[1:]]}, "shares are not"),
    "a negative integer": ({"shares": [[ONE + 1, -1, 0], *ROWS[1:]]}, "shares are not"),
    "a float": ({"shares": [[float(ONE), 0, 0], *ROWS[1:]]}, "shares are not"),
    "a bool": ({"shares": [[ONE - 1, True, 0], *ROWS[1:]]}, "shares are not"),
    "a null": ({"shares": [[ONE, None, 0], *ROWS[1:]]}, "shares are not"),
    "a row that sums to less": ({"shares": [[ONE - 1, 0, 0], *ROWS[1:]]}, "does not sum"),
    "a row that sums to more": ({"shares": [[ONE, 1, 0], *ROWS[1:]]}, "does not sum"),
    "NaN as the uniform share": ({"uniform": float("nan")}, "uniform share"),
    "infinity as the uniform share": ({"uniform": float("inf")}, "uniform share"),
    "a uniform share above 1": ({"uniform": 1.5}, "uniform share"),
    "a uniform share of text": ({"uniform": "lots"}, ""),
    "arms that overlap": ({"arms__control": 0.7, "arms__uniform": 0.7}, "shares"),
    "arms of NaN": ({"arms__control": float("nan")}, "shares"),
    "an unknown arm": ({"arms__other": 0.1}, ""),
    "segments out of order": ({"segments": ["", "web", "ios", "ios/new"]}, "not a tree"),
    "segments that repeat": ({"segments": ["", "ios", "ios", "web"]}, "not a tree"),
    "segments without a parent": ({"segments": ["", "ios", "web", "mac/new"]}, "not a tree"),
    "segments without a root": ({"segments": ["ios", "web", "x", "y"]}, "not a tree"),
    "segments that are numbers": ({"segments": [0, 1, 2, 3]}, ""),
    "a path with an empty part": ({"segments": ["", "ios", "web", "ios//new"]}, "empty part"),
    "one action": ({"actions__names": ["none"]}, "two actions"),
    "actions that repeat": ({"actions__names": ["none", "a", "a"]}, "twice"),
    "actions that are numbers": ({"actions__names": [0, 1, 2]}, ""),
    "actions in one text": ({"actions__names": "abc"}, ""),
    "a frequency of text": ({"actions__frequencies": [0, "1", None]}, ""),
    "a slot that is a number": ({"actions__slots": [None, 8, None]}, ""),
    "a period of no length": ({"actions__period_us": 0}, "positive"),
    "a period of text": ({"actions__period_us": "week"}, ""),
    "a fractional period": ({"actions__period_us": 0.5}, ""),
    "an origin of text": ({"actions__origin_us": "monday"}, ""),
    "bounds of text": ({"from_period": "3"}, ""),
    "bounds of floats": ({"valid_until": 9.5}, ""),
    "bounds of bools": ({"from_period": True}, ""),
    "a salt that is a number": ({"salt": 7}, ""),
    "a scope that is a list": ({"scope": []}, ""),
    "an objective that is a list": ({"objective": [1]}, ""),
    "an objective of text": ({"objective": {"engaged": "1"}}, ""),
    "an objective of NaN": ({"objective": {"engaged": float("nan")}}, "not finite"),
    "limits that are a list": ({"limits": []}, ""),
    "an unknown lineage": ({"lineage": {"pickle": "x"}}, ""),
    "a date of text in the lineage": ({"lineage": {"trained_until": "today"}}, ""),
    "a share of text in the lineage": ({"lineage": {"split_share": "0.3"}}, ""),
}


@pytest.mark.parametrize("what", ODD)
def test_anything_odd_is_refused_though_it_is_sealed(what):
    changes, words = ODD[what]
    with pytest.raises(PolicyFormatError) as caught:
        decode(forged(**changes), "here/policy.json")
    assert words in str(caught.value)
    assert str(caught.value).startswith("here/policy.json: ")


@pytest.mark.parametrize("key", [k for k in json.loads(encode(POLICY)) if k != "sha256"])
def test_a_missing_member_is_refused_though_it_is_sealed(key):
    plain = json.loads(encode(POLICY))
    del plain["sha256"], plain[key]
    with pytest.raises(PolicyFormatError):
        decode(sealed(plain))


@pytest.mark.parametrize("raw", [b"", b"{}", b"null", b"[" * 10**5, b"\xff\xfe", b"PK\x03\x04", b"\x80\x04N."])
def test_other_files_are_refused(raw):
    with pytest.raises(PolicyFormatError):
        decode(raw)
    head = b"{\n " + raw
    with pytest.raises(PolicyFormatError):
        decode(head + f',\n "sha256": "{sha256(head).hexdigest()}"\n}}\n'.encode())
