"""Files appear whole or not at all, and errors name the file that was asked for."""

from __future__ import annotations

import pytest

from tactful.core.files import replacing


def test_what_stood_there_stays_until_the_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    with pytest.raises(UnicodeEncodeError), replacing(path) as part:
        part.write_text("half \ud800", encoding="utf-8")
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_errors_name_the_file_itself(tmp_path):
    path = tmp_path / "nowhere" / "a.txt"
    with pytest.raises(OSError, match="No such file") as stop, replacing(path) as part:
        part.write_text("x")
    assert stop.value.filename == str(path)
