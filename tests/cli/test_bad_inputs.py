"""Whatever is wrong with the input: the right exit code, one line that says so, and no file touched."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from shutil import copytree

import polars as pl
import pytest
from files import snapshot

from frames.bad_inputs import CASES, SPEC, Case, frame
from logs import PLAIN, on_terms, table
from tactful.policies.artifact import MAX_BYTES, NAME, save
from tactful.policies.table import uniform


def refused(done, code, says):
    assert done.code == code, done.err
    assert done.out == ""
    assert done.err.startswith("tactful: ")
    assert done.err.endswith("\n")
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err
    for text in says:
        assert text in done.err


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_bad_log_or_spec(tactful, tmp_path, case: Case):
    spec, log = case.write(tmp_path)
    policy = save(uniform(PLAIN), tmp_path / "policy")
    before = snapshot(tmp_path)
    refused(tactful("check", log, "--spec", spec), 2, case.says)
    refused(tactful("fit", log, "--spec", spec, "--out", policy, "--split", 0), 2, case.says)
    assert snapshot(tmp_path) == before


def sealed(plain):
    """The bytes of a policy.json with these members and a right seal."""
    head = ("{\n " + ",\n ".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in plain.items())).encode()
    return head + f',\n "sha256": "{sha256(head).hexdigest()}"\n}}\n'.encode()


def resealed(folder: Path, **changes):
    """The policy of a folder with members changed, and sealed again as if nothing had happened."""
    plain = json.loads((folder / NAME).read_bytes())
    del plain["sha256"]
    (folder / NAME).write_bytes(sealed(plain | changes))


@dataclass(frozen=True)
class Mistake:
    """A command in a folder with log.parquet, log.spec.toml, policy/ and users.parquet, and what ``before`` does to it.

    Words of the command that begin with ``@`` are paths in the folder.
    """

    id: str
    command: str
    code: int
    says: tuple[str, ...]
    before: Callable[[Path], object] = lambda folder: None


def m(id_, command, *says, code=2, before: Callable[[Path], object] = lambda folder: None):
    return Mistake(id_, command, code, says, before)


LOG = "@log.parquet --spec @log.spec.toml"
EVALUATE = f"evaluate {LOG} --policy uniform"
FIT = f"fit {LOG} --out @policy"
DECIDE = "decide @users.parquet --policy @policy --period 2960 --out @out.parquet"


def rewrite(change, *columns):
    """Rewrites the log without some columns and with ``change`` made to its frame."""

    def before(folder):
        log = pl.read_parquet(folder / "log.parquet").drop(columns)
        change(log).write_parquet(folder / "log.parquet")

    return before


def respec(*changes):
    """Rewrites the spec with some of its text replaced."""

    def before(folder):
        spec = (folder / "log.spec.toml").read_text()
        for old, new in changes:
            assert old in spec
            spec = spec.replace(old, new)
        (folder / "log.spec.toml").write_text(spec)

    return before


def without_propensities(folder):
    rewrite(lambda log: log, "propensity", "propensities")(folder)
    respec(('propensity = "propensity"\n', ""), ('propensities_are = "logged"\n', ""))(folder)


def users(**columns):
    """Writes other users."""

    def before(folder):
        good = {"user": ["a", "b"], "segment": ["ios/new", "web"]} | columns
        pl.DataFrame({c: v for c, v in good.items() if v is not None}).write_parquet(folder / "users.parquet")

    return before


def write(name, raw):
    """Writes a file."""

    def before(folder):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)

    return before


def flip(folder):
    raw = bytearray((folder / "policy" / NAME).read_bytes())
    raw[len(raw) // 2] ^= 1
    (folder / "policy" / NAME).write_bytes(raw)


def truncated(folder):
    raw = (folder / "policy" / NAME).read_bytes()
    (folder / "policy" / NAME).write_bytes(raw[: len(raw) // 2])


def enormous(folder):
    with (folder / "policy" / NAME).open("r+b") as file:
        file.truncate(MAX_BYTES + 1)


def forge(**changes):
    """Changes and seals the policy again."""
    return lambda folder: resealed(folder / "policy", **changes)


def one_row(folder):
    policy = json.loads((folder / "policy" / NAME).read_bytes())
    resealed(
        folder / "policy", shares=[[x + (i == j == 0) for j, x in enumerate(r)] for i, r in enumerate(policy["shares"])]
    )


def ended(folder):
    save(on_terms(table(1), valid_until=2959), folder / "policy")


MASK = [[True] * 26, [True] * 26]
EXPLAIN = "explain @policy"
NOTHING = [
    m("one-row", EVALUATE, "single user", code=4, before=rewrite(lambda log: log.head(1))),
    m(
        "one-user",
        EVALUATE,
        "single user",
        code=4,
        before=rewrite(lambda log: log.filter(pl.col("user") == "u-000001")),
    ),
    m(
        "nothing-mature",
        EVALUATE,
        "mature",
        code=4,
        before=rewrite(lambda log: log.with_columns(engaged=None, opens=None, opted_out=None)),
    ),
    m("too-early", EVALUATE, "mature", code=4, before=respec(("2026-02-16T09:00:00+00:00", "2026-01-06"))),
    m("too-early-to-fit", FIT, "mature", code=4, before=respec(("2026-02-16T09:00:00+00:00", "2026-01-06"))),
    m("no-propensities", EVALUATE, "no propensities", "randomise", code=4, before=without_propensities),
    m(
        "all-control",
        EVALUATE,
        "control arm",
        code=4,
        before=rewrite(lambda log: log.with_columns(arm=pl.lit("control"))),
    ),
    m("nobody-to-fit", f"{FIT} --split 0.999999", "no user is left", code=4),
]
POLICIES = [
    m("policy-unknown", f"evaluate {LOG} --policy best", "best", "no policy"),
    m("baseline-unknown", f"{EVALUATE} --baseline best", "best", "no policy"),
    m("always-unknown", f"evaluate {LOG} --policy always:9x@08:00", "'9x@08:00'", "1x@08:00"),
    m("always-nothing", f"evaluate {LOG} --policy always:", "unknown action ''"),
    m("policy-missing", "explain @nowhere", "nowhere", "no policy", "No such file"),
    m("policy-is-a-file", "explain @log.parquet", "no policy", "Not a directory"),
    m("policy-missing-to-decide", DECIDE.replace("@policy", "@nowhere"), "nowhere", "no policy"),
    m("policy-empty", EXPLAIN, "checksum", before=write(f"policy/{NAME}", b"")),
    m("policy-not-json", EXPLAIN, "checksum", before=write(f"policy/{NAME}", b"\x80\x04pickle")),
    m("flipped-byte", EXPLAIN, "checksum", "damaged", before=flip),
    m("flipped-byte-to-decide", DECIDE, "checksum", before=flip),
    m("flipped-byte-to-evaluate", f"evaluate {LOG} --policy @policy", "checksum", before=flip),
    m("truncated", EXPLAIN, "checksum", before=truncated),
    m("enormous-file", EXPLAIN, "more than a policy can have", before=enormous),
    m(
        "huge-shape",
        EXPLAIN,
        "shares are not 100001 rows",
        before=forge(segments=["", *(f"s{i:06}" for i in range(10**5))]),
    ),
    m("path-outside", EXPLAIN, "outside the folder", before=forge(files={"../arrays.safetensors": "00"})),
    m("path-absolute", EXPLAIN, "outside the folder", before=forge(files={"/etc/passwd": "00"})),
    m("newer-format", EXPLAIN, "format 2", "update tactful", before=forge(format=2)),
    m("other-kind", EXPLAIN, "unknown kind 'forest'", before=forge(kind="forest")),
    m("row-sum", EXPLAIN, "does not sum", before=one_row),
    m("other-behaviour", EXPLAIN, "behaves as version", before=forge(uniform=0.5)),
    m(
        "other-actions",
        f"evaluate {LOG} --policy @policy",
        "other actions",
        before=lambda f: save(uniform(PLAIN), f / "policy"),
    ),
    m("too-late", DECIDE, "decides periods … to 2959", "period 2960", before=ended),
]
DECISIONS = [
    m("users-column", DECIDE, "no column 'user'", "id", before=users(user=None, id=[1, 2])),
    m("users-null", DECIDE, "'user'", "no user", "1 row", "row 2", before=users(user=["a", None])),
    m("users-empty-id", DECIDE, "'user'", "no user", "row 1", before=users(user=["", "b"])),
    m("users-repeated", DECIDE, "'user'", "repeated", "rows 1: 'a', 2: 'a'", before=users(user=["a", "a"])),
    m("users-float", DECIDE, "'user'", "decimal point", "as text", before=users(user=[1.0, 2.0])),
    m("users-segment", DECIDE, "not a path: 'ios//new'", before=users(segment=["ios//new", "web"])),
    m("mask-length", DECIDE, "not a list of 26 booleans", before=users(eligible=[[True], [True]])),
    m("mask-ragged", DECIDE, "not a list of 26 booleans", before=users(eligible=[MASK[0], [True]])),
    m("mask-null", DECIDE, "not a list of 26 booleans", before=users(eligible=[MASK[0], None])),
    m("mask-numbers", DECIDE, "not a list of 26 booleans", before=users(eligible=[[1] * 26] * 2)),
    m("mask-none", DECIDE, "no eligible action", before=users(eligible=[MASK[0], [False] * 26])),
    m("users-none", DECIDE, "no users", before=lambda f: pl.DataFrame({"user": []}).write_parquet(f / "users.parquet")),
    m("users-empty-file", DECIDE, "the file is empty", before=write("users.parquet", b"")),
    m("users-missing", DECIDE.replace("@users", "@people"), "no such file"),
    m(
        "users-extension",
        DECIDE.replace("@users.parquet", "@users.xlsx"),
        "unknown kind of file",
        before=write("users.xlsx", b"PK"),
    ),
    m("csv-vectors", f"{DECIDE.replace('@out.parquet', '@out.csv')} --vectors", "CSV cannot hold lists", ".ndjson"),
    m(
        "csv-mask",
        DECIDE.replace("@out.parquet", "@out.csv"),
        "CSV cannot hold lists",
        before=users(eligible=[MASK[0], [True] * 25 + [False]]),
    ),
    m("out-extension", DECIDE.replace("@out.parquet", "@out.xlsx"), "unknown kind of file"),
    m("out-folder", DECIDE.replace("@out.parquet", "@deep/out.csv"), "No such file or directory", "choose a folder"),
    m(
        "out-is-a-folder",
        DECIDE.replace("@out.parquet", "@folder.parquet"),
        "folder.parquet",
        "cannot be written",
        before=write("folder.parquet/x", b""),
    ),
    m("period-text", DECIDE.replace("2960", "next"), "--period", "integer"),
    m("period-huge", DECIDE.replace("2960", "99999999999999999999"), "--period"),
    m("at", f"{DECIDE} --at tomorrow", "not a time: 'tomorrow'"),
]
OPTIONS = [
    m("segment-path", "explain @policy --segment ios//new", "--segment", "not a path: 'ios//new'"),
    m("model", f"{FIT} --model deep", "unknown model 'deep'", "conjugate"),
    m("explorer", f"{FIT} --explorer magic", "unknown explorer 'magic'", "softmax"),
    m("width", f"{FIT} --explorer ucb --width nan", "--width"),
    m("gamma", f"{FIT} --explorer inverse-gap --gamma inf", "rule inverse-gap", "inf"),
    m("sharpen", f"{FIT} --sharpen nan", "--sharpen"),
    m("cautious", f"{FIT} --cautious left", "unknown outcome 'left'", "opted_out"),
    m("hazard-ratio", f"{FIT} --cautious opted_out --hazard-ratio nan", "--hazard-ratio", "nan"),
    m("split-one", f"{FIT} --split 1", "--split", "a split of 1.0"),
    m("split-negative", f"{FIT} --split -0.1", "--split", "-0.1"),
    m("split-nan", f"{FIT} --split nan", "--split", "nan"),
    m("uniform", f"{FIT} --uniform 2", "--uniform"),
    m("uniform-nan", f"{FIT} --uniform nan", "--uniform"),
    m("temperature", f"{FIT} --temperature 0", "--temperature", "0.0"),
    m("temperature-nan", f"{FIT} --temperature nan --explorer softmax", "--temperature", "nan"),
    m("draws", f"{FIT} --draws 0", "--draws"),
    m("draws-memory", f"{FIT} --draws 99999999999", "not enough memory"),
    m("seed-negative", f"{FIT} --seed -1", "--seed"),
    m("seed-huge", f"{FIT} --seed 99999999999999999999", "--seed"),
    m(
        "no-objective",
        FIT,
        "no outcome has a value",
        "[objective]",
        before=respec(("engaged = 1.0\n", ""), ("opted_out = -15.0\n", "")),
    ),
    m("policy-place", FIT.replace("@policy", "@log.parquet"), "log.parquet", "cannot be written", "name a folder"),
    m("level", f"{EVALUATE} --level 95", "--level", "95"),
    m(
        "ledger",
        f"evaluate {LOG} --policy @policy",
        "ledger is damaged",
        before=write("log.parquet.ledger.json", b"[]"),
    ),
    m(
        "store",
        f"{FIT} --tracking-uri gopher://me:secret@host/x",
        "MLflow at gopher://…@host",
        before=lambda f: (f / "policy" / NAME).unlink(),
    ),
    m("init-spec-there", "init --out @", "spec.toml", "not overwritten", before=write("spec.toml", b"")),
    m("init-policy-there", "init --out @", "policy", "not overwritten"),
    m("init-place", "init --out @log.parquet", "log.parquet", "File exists"),
    m("init-safe", "init --out @start --safe 9x@08:00", "unknown action '9x@08:00'"),
    m("init-explore", "init --out @start --explore 0", "--explore", "0"),
    m("init-rate", "init --out @start --rate inf", "--rate", "inf"),
    m("init-lift", "init --out @start --lift nan", "--lift", "nan"),
    m("init-periods", "init --out @start --periods 0", "--periods"),
    m("init-spec-missing", "init --out @start --spec @nowhere.toml", "nowhere.toml"),
    m("init-spec-broken", "init --out @start --spec @users.parquet", "users.parquet"),
    m("simulate-nobody", "simulate --users 0 --periods 2 --out @new.parquet", "--users"),
    m("simulate-never", "simulate --users 2 --periods 0 --out @new.parquet", "--periods"),
    m("simulate-seed", "simulate --users 2 --periods 2 --seed -1 --out @new.parquet", "--seed"),
    m("simulate-csv", "simulate --users 2 --periods 2 --out @new.csv", "CSV cannot hold lists"),
    m("simulate-place", "simulate --users 2 --periods 2 --out @deep/new.parquet", "choose a folder"),
    m("simulate-place-is-a-file", "simulate --users 2 --periods 2 --out @log.parquet/new.parquet", "Not a directory"),
    m("demo-place", "demo --out @log.parquet", "a file is there"),
    m("demo-small", "demo --out @demo --users 3", "--users"),
    m("command", "evaluat", "no command 'evaluat'", "'evaluate'", "tactful --help"),
    m("command-far", "frobnicate", "no command 'frobnicate'", "tactful --help"),
    m("option", f"{FIT} --modle x", "--modle", "--model", "tactful fit --help"),
    m("option-missing", f"evaluate {LOG}", "Missing option '--policy'", "tactful evaluate --help"),
    m("argument-missing", "check --spec @log.spec.toml", "Missing argument", "tactful check --help"),
    m("argument-extra", "explain @policy @policy", "tactful explain --help"),
    m("value-missing", f"evaluate {LOG} --policy", "--policy", "requires an argument"),
]
MISTAKES = [*NOTHING, *POLICIES, *DECISIONS, *OPTIONS]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.id)
def test_a_mistake(tactful, shop, tmp_path, monkeypatch, mistake: Mistake):
    folder = copytree(shop, tmp_path / "shop")
    users()(folder)
    mistake.before(folder)
    monkeypatch.chdir(folder)
    before = snapshot(folder)
    words = [str(folder / w[1:]) if w.startswith("@") else w for w in mistake.command.split(" ")]
    refused(tactful(*words), mistake.code, mistake.says)
    after = snapshot(folder)
    assert {p: h for p, h in after.items() if p in before} == before
    # A policy that cannot be recorded is kept: it was asked for, and it is whole.
    assert set(after) - set(before) <= ({f"policy/{NAME}"} if mistake.id == "store" else set())


def test_the_tables_are_long_and_name_nothing_twice():
    assert len(MISTAKES) > 80
    assert len({x.id for x in MISTAKES}) == len(MISTAKES)
    assert len({x.id for x in CASES}) == len(CASES) > 100


def test_the_good_log_of_the_cases_is_good(tactful, tmp_path):
    spec, log = Case("good", SPEC, "log.parquet", frame(), ValueError, ()).write(tmp_path)
    done = tactful("check", log, "--spec", spec)
    assert (done.code, done.err) == (0, "")


def test_a_log_without_propensities_can_be_checked_and_fitted(tactful, shop, tmp_path):
    folder = copytree(shop, tmp_path / "shop")
    without_propensities(folder)
    log = folder / "log.parquet", "--spec", folder / "log.spec.toml"
    assert "no propensities" in tactful("check", *log).out
    assert tactful("fit", *log, "--out", folder / "new").code == 0


def test_no_arguments_is_help(tactful):
    done = tactful()
    assert (done.code, done.err) == (0, "")
    assert done.out == tactful("--help").out
