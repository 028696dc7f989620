"""Every bad input is refused in one line that says what, where and what to do."""

from __future__ import annotations

import pytest
from bad_inputs import CASES, COLUMNS, SPEC, Case, frame

from tactful.errors import TactfulError
from tactful.frames import LogSpec, read_log


def test_the_good_log_is_good(tmp_path):
    for name in ("log.parquet", "log.csv", "log.ndjson.gz"):
        paths = Case("good", SPEC, name, frame(), TactfulError, ()).write(tmp_path)
        log = read_log(paths[1], LogSpec.from_toml(paths[0]))
        assert (log.n, log.users, log.left_out) == (len(COLUMNS["week"]), 2, ())


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_refused(case, tmp_path):
    spec, log = case.write(tmp_path)
    with pytest.raises(TactfulError) as caught:
        read_log(log, LogSpec.from_toml(spec))
    message = str(caught.value)
    assert type(caught.value) is case.error, message
    assert caught.value.exit_code == 2
    assert len(message.splitlines()) == 1
    assert caught.value.do
    assert [s for s in case.says if s not in message] == [], message


def test_ids_are_unique():
    assert len({c.id for c in CASES}) == len(CASES) >= 45
