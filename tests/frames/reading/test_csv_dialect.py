"""CSV as spreadsheets export it: semicolons and decimal commas, tabs, a byte order mark; other encodings are named."""

from __future__ import annotations

import gzip

import numpy as np
import polars as pl
import pytest

from tactful.errors import LogError
from tactful.frames import LogSpec, read_log
from tactful.frames.reading.csv_dialect import CsvDialect, detect_dialect
from tactful.frames.write import write_frame

HEADER = ["user", "period", "action", "propensity", "opened", "x_note"]
ROWS = [
    ["007", "0", "none", "0.7", "1", "0.25"],
    ["7", "1", "send", "0.3", "0", "-1.5"],
    ["8", "0", "send", "0.3", "1", "2"],
]
SPEC = LogSpec.from_dict({"actions": {"names": ["none", "send"]}, "outcomes": {"opened": {"kind": "binary"}}})


def written(path, separator=",", decimal=".", encoding="utf-8", end="\n"):
    """The rows in this dialect; numbers alone have the decimal sign."""
    rows = [[field.replace(".", decimal) for field in row] for row in ROWS]
    raw = (end.join(separator.join(row) for row in [HEADER, *rows]) + end).encode(encoding)
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


@pytest.mark.parametrize("name", ["f.csv", "f.csv.gz", "f.tsv", "f.tsv.gz"])
@pytest.mark.parametrize(("separator", "decimal"), [(",", "."), (";", ","), (";", "."), ("\t", "."), ("\t", ",")])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_dialect_is_the_same_log(name, separator, decimal, encoding, end, tmp_path):
    plain = read_log(written(tmp_path / "plain.csv"), SPEC)
    log = read_log(written(tmp_path / name, separator, decimal, encoding, end), SPEC)
    assert log.fingerprint() == plain.fingerprint()
    assert log.user_ids.tolist() == ["007", "7", "8"]
    np.testing.assert_array_equal(log.propensity, [0.7, 0.3, 0.3])
    np.testing.assert_array_equal(log.context[:, 0], [0.25, -1.5, 2])


@pytest.mark.parametrize("name", ["f.csv", "f.csv.gz"])
@pytest.mark.parametrize(
    ("encoding", "says"), [("utf-16", "UTF-16"), ("utf-16-le", "UTF-16"), ("utf-16-be", "UTF-16"), ("utf-32", "UTF-32")]
)
def test_other_encodings_are_named_with_the_way_out(name, encoding, says, tmp_path):
    with pytest.raises(LogError) as error:
        read_log(written(tmp_path / name, "\t", encoding=encoding), SPEC)
    assert f"text in {says}, not in UTF-8; save it as 'CSV UTF-8'" in str(error.value)
    assert "\n" not in str(error.value)


def test_numbers_in_two_ways_are_refused(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("user;p\n1;0,5\n2;0.5\n3;1\n")
    with pytest.raises(LogError, match="decimal commas and with decimal points"):
        read_log(path, SPEC)


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("a,b;c\n1,2\n", CsvDialect()),
        ("a\n1\n", CsvDialect()),
        ('"a,b";c\n"x,1";2\n3;4\n', CsvDialect(";")),
        ("a;b\n1;0,5", CsvDialect(";", True)),
        ("", CsvDialect()),
    ],
)
def test_the_header_tells_the_separator(text, dialect, tmp_path):
    (tmp_path / "f.csv").write_text(text)
    assert detect_dialect(tmp_path / "f.csv") == dialect


def test_a_spec_may_begin_with_a_byte_order_mark(tmp_path):
    text = '[actions]\nnames = ["none", "send"]\n[outcomes]\nopened = { kind = "binary" }\n'
    (tmp_path / "spec.toml").write_text(text, encoding="utf-8-sig")
    assert LogSpec.from_toml(tmp_path / "spec.toml").actions.names == ("none", "send")


@pytest.mark.parametrize("name", ["f.tsv", "f.tsv.gz"])
def test_what_is_written_as_tsv_has_tabs(name, tmp_path):
    frame = pl.DataFrame({"a": [1], "b": ["x,y"]})
    write_frame(frame, tmp_path / name)
    raw = (tmp_path / name).read_bytes()
    assert (gzip.decompress(raw) if name.endswith(".gz") else raw) == b"a\tb\n1\tx,y\n"
    assert detect_dialect(tmp_path / name) == CsvDialect("\t")
