"""Contextual policies as files: what was saved is what is loaded, and anything odd is refused before it is used."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contexts import TREE, bank, linear, people
from logs import GRID
from tactful.core.draw import ONE
from tactful.core.lineage import Lineage
from tactful.core.outcomes import Limits, Objective
from tactful.errors import PolicyFormatError
from tactful.policies import tensors
from tactful.policies.arms import Arms
from tactful.policies.artifact import decode, encode, load, save
from tactful.policies.exploration_rules import Rule
from tactful.policies.table import Table

BASE = Table.of(GRID, TREE, np.random.default_rng(3).dirichlet(np.ones(GRID.k), len(TREE))).shares
MORE = {
    "uniform": 0.03,
    "scope": "push",
    "arms": Arms(0.1, 0.05, "a"),
    "from_period": 3,
    "objective": Objective({"spend": 1.0}),
    "limits": Limits({"opted_out": 0.1}, 2.0),
    "prices": {"opted_out": 3.0},
    "expected": {"spend": 1.5},
    "lineage": Lineage(log="abc", split_salt="split", split_share=0.3, trained_until=7, model="linear", package="0.1"),
}
POLICIES = [
    linear(base=BASE, share=0.25, **MORE),
    linear(Rule("ucb", 1.5), safe=np.eye(len(TREE), GRID.k, dtype=bool)),
    bank(m=8, **MORE),
    bank(Rule("inverse-gap", 9.0), m=3, base=BASE, share=1.0),
]
NODES, CONTEXT = people(20)


def arrays_of(folder):
    (path,) = folder.glob("arrays-*.safetensors")
    return path


@pytest.mark.parametrize("policy", POLICIES)
def test_loading_what_was_saved_is_the_identity(policy, tmp_path):
    assert save(policy, tmp_path) == tmp_path
    found = load(tmp_path)
    assert found.version == policy.version
    np.testing.assert_array_equal(found.pmf(NODES, CONTEXT), policy.pmf(NODES, CONTEXT))
    np.testing.assert_array_equal(found.average(), policy.average())
    for name in (*MORE, "actions", "segments", "features", "share", "kind"):
        assert getattr(found, name) == getattr(policy, name)
    assert encode(found) == encode(policy)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    save(found, tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_safetensors_reads_the_arrays(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    save(POLICIES[0], tmp_path)
    found = safetensors.load(arrays_of(tmp_path).read_bytes())
    for name, array in POLICIES[0].arrays().items():
        np.testing.assert_array_equal(found[name], array)


def test_a_folder_holds_one_policy_and_an_older_one_until_the_new_is_whole(tmp_path, monkeypatch):
    for policy in (*POLICIES, Table.of(GRID, TREE, np.ones((len(TREE), GRID.k))), POLICIES[0]):
        save(policy, tmp_path)
        assert load(tmp_path).version == policy.version
        assert len(list(tmp_path.iterdir())) == (1 if isinstance(policy, Table) else 2)

    def full(path, *_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(PolicyFormatError, match="No space left"):
        save(POLICIES[2], tmp_path)
    monkeypatch.undo()
    assert load(tmp_path).version == POLICIES[0].version


@pytest.mark.parametrize("policy", POLICIES[::2])
def test_any_flipped_byte_or_length_is_refused(policy, tmp_path):
    save(policy, tmp_path)
    path = arrays_of(tmp_path)
    raw = path.read_bytes()
    rng = np.random.default_rng(5)
    for at in [*range(0, 200, 7), *rng.choice(len(raw), 60, replace=False).tolist()]:
        path.write_bytes(raw[:at] + bytes([raw[at] ^ (1 << int(rng.integers(8)))]) + raw[at + 1 :])
        with pytest.raises(PolicyFormatError):
            load(tmp_path)
    for odd in (raw[:-1], raw + b"\0", b"", raw[: len(raw) // 2]):
        path.write_bytes(odd)
        with pytest.raises(PolicyFormatError):
            load(tmp_path)
    path.unlink()
    with pytest.raises(PolicyFormatError, match="arrays cannot be read"):
        load(tmp_path)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    save(POLICIES[0], tmp_path)
    with arrays_of(tmp_path).open("wb") as file:
        file.truncate(tensors.MAX_BYTES + 1)
    with pytest.raises(PolicyFormatError, match="more than a policy"):
        load(tmp_path)


def test_a_policy_larger_than_can_be_loaded_is_not_saved(tmp_path, monkeypatch):
    monkeypatch.setattr(tensors, "MAX_BYTES", 100)
    with pytest.raises(PolicyFormatError, match="bytes"):
        save(POLICIES[0], tmp_path)
    assert not list(tmp_path.iterdir())


def forged(policy, raw, **changes):
    """Decode a rightly sealed head with members changed over any bytes of arrays, named by their hash."""
    plain = json.loads(encode(policy))
    del plain["sha256"]
    digest = sha256(raw).hexdigest()
    plain |= {"arrays": digest, "files": {f"arrays-{digest[:16]}.safetensors": digest}} | changes
    head = ("{\n " + ",\n ".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in plain.items())).encode()
    return decode(
        head + f',\n "sha256": "{sha256(head).hexdigest()}"\n}}\n'.encode(), "here/policy.json", lambda *_: raw
    )


def header(change):
    """The arrays of a linear policy, their header changed."""
    raw = tensors.pack(POLICIES[0].arrays())
    length = int.from_bytes(raw[:8], "little")
    text = json.dumps(change(json.loads(raw[8 : 8 + length]))).encode()
    return len(text).to_bytes(8, "little") + text + raw[8 + length :]


def member(name, **changes):
    return header(lambda plain: plain | {name: plain[name] | changes})


WHOLE = tensors.pack(POLICIES[0].arrays())
ODD_ARRAYS = {
    "nothing": b"",
    "a length beyond the file": (2**63).to_bytes(8, "little") + WHOLE[8:],
    "no length": (0).to_bytes(8, "little") + WHOLE[8:],
    "a header that is no object": header(lambda plain: [plain]),
    "a header that is no JSON": (16).to_bytes(8, "little") + b"\x80\x04N." * 4 + WHOLE,
    "nested without end": (60_000).to_bytes(8, "little") + b"[" * 60_000,
    "an array too many": header(lambda plain: plain | {"zz": plain["root"]}),
    "an array too few": header(lambda plain: {k: v for k, v in plain.items() if k != "root"}),
    "metadata": header(lambda plain: {"__metadata__": {"a": "b"}} | plain),
    "another order": header(lambda plain: dict(reversed(plain.items()))),
    "another type": member("mean", dtype="F64"),
    "a type of objects": member("mean", dtype="O"),
    "a huge shape": member("mean", shape=[2**40, 2**40, 2**40]),
    "a negative shape": member("mean", shape=[-4, -5, 3]),
    "an empty shape": member("mean", shape=[0, 5, 3]),
    "a shape of bools": member("group", shape=[True]),
    "a shape of text": member("group", shape="5"),
    "another number of axes": member("group", shape=[5, 1]),
    "offsets that overlap": member("mean", data_offsets=[0, 240]),
    "offsets beyond the file": member("root", data_offsets=[0, 2**50]),
    "more members": member("mean", more=1),
    "bytes after the last": WHOLE + bytes(8),
    "fewer bytes": WHOLE[:-8],
    "values that are not numbers": WHOLE[:-4] + np.float32(np.nan).tobytes(),
    "infinite values": WHOLE[:-4] + np.float32(np.inf).tobytes(),
    "a bank": tensors.pack(POLICIES[2].arrays()),
    "a node of no group": tensors.pack(POLICIES[0].arrays() | {"group": np.full(5, 77)}),
    "groups for other nodes": tensors.pack(POLICIES[0].arrays() | {"group": np.zeros(4, np.int64)}),
}


@pytest.mark.parametrize("what", ODD_ARRAYS)
def test_odd_arrays_are_refused_though_they_are_sealed(what):
    with pytest.raises(PolicyFormatError) as caught:
        forged(POLICIES[0], ODD_ARRAYS[what])
    assert str(caught.value).startswith("here/")


ODD_MEMBERS = {
    "another kind": {"kind": "bank"},
    "a table": {"kind": "table"},
    "an unknown kind": {"kind": "forest"},
    "another version": {"version": "0" * 16},
    "two files": {"files": {"arrays-00.safetensors": "00", "b": "00"}},
    "no file": {"files": {}},
    "a file of another name": {"files": {"arrays.safetensors": "00"}},
    "a file outside": {"files": {"../arrays.safetensors": "00"}},
    "an unknown rule": {"rule": {"name": "eval", "parameter": 1.0}},
    "a rule without a parameter": {"rule": {"name": "thompson"}},
    "a parameter of text": {"rule": {"name": "thompson", "parameter": "many"}},
    "features that do not fit": {"features": {"names": ["dose"], "centre": [0.0], "scale": [1.0]}},
    "a scale of zero": {"features": {"names": ["a", "b"], "centre": [0, 0], "scale": [1, 0]}},
    "a share above one": {"share": 1.5},
    "a share of NaN": {"share": float("nan")},
    "a share without a base": {"base": None},
    "a base of floats": {"base": [[0.2] * 5] * 5},
    "a base that sums to less": {"base": [[1] * 5] * 5},
    "no typical pmf": {"typical": None},
    "a typical pmf of other nodes": {"typical": [[ONE, 0, 0, 0, 0]]},
    "safe actions of text": {"safe": "all"},
}


@pytest.mark.parametrize("what", ODD_MEMBERS)
def test_odd_members_are_refused_though_they_are_sealed(what):
    with pytest.raises(PolicyFormatError):
        forged(POLICIES[0], WHOLE, **ODD_MEMBERS[what])


def test_forging_nothing_is_loading():
    assert forged(POLICIES[0], WHOLE).version == POLICIES[0].version


@pytest.mark.parametrize("key", [k for k in json.loads(encode(POLICIES[0])) if k != "sha256"])
def test_a_missing_member_is_refused(key):
    plain = json.loads(encode(POLICIES[0]))
    del plain["sha256"], plain[key]
    head = json.dumps(plain).encode()[:-1]
    with pytest.raises(PolicyFormatError):
        decode(head + f',\n "sha256": "{sha256(head).hexdigest()}"\n}}\n'.encode(), "here", lambda *_: WHOLE)


def test_a_policy_without_its_folder_is_refused():
    with pytest.raises(PolicyFormatError, match="unexpected files"):
        decode(encode(POLICIES[0]))


@given(st.binary(max_size=300))
@settings(max_examples=60)
def test_any_other_bytes_are_refused(raw):
    with pytest.raises(PolicyFormatError):
        tensors.unpack(raw, {"group": ("I64", 1)}, "here")


def test_equal_arrays_have_equal_files():
    arrays = {"a": np.arange(4.0).reshape(2, 2), "b": np.arange(3)}
    turned = {"b": np.arange(3), "a": np.asfortranarray(np.arange(4.0).reshape(2, 2))}
    assert tensors.pack(arrays) == tensors.pack(turned)
    assert tensors.digest(turned) == sha256(tensors.pack(arrays)).hexdigest()
    assert replace(POLICIES[0]).digest == POLICIES[0].digest
