"""Unknown keys and values refuse to start."""

from __future__ import annotations

import pytest

from logs import GRID, on_terms, table
from tactful.errors import PolicyFormatError, SpecError
from tactful.policies.artifact import save
from tactful.policies.table import always
from tactful.serving import Decider, ServingConfig


@pytest.mark.parametrize(
    ("plain", "says"),
    [
        ({"fallbak": "none"}, "unknown key 'fallbak'; did you mean 'fallback'"),
        ({"max_age": 3}, "did you mean 'max_age_periods'"),
        ({"actions": []}, "unknown key 'actions'"),
        ({"fallback": "all"}, "unknown fallback 'all'; choose none, uniform, refuse"),
        ({"fallback": 3}, "unknown fallback 3"),
        ({"fallback": {"folder": "x"}}, 'write fallback = { policy = "folder" }'),
        ({"keep": -1}, "keep: -1 is no number"),
        ({"keep": True}, "keep: True is no number"),
        ({"keep": None}, "keep: None is no number"),
        ({"max_age_periods": 1.5}, "max_age_periods: 1.5 is no number"),
    ],
)
def test_what_is_not_known_is_refused(plain, says):
    with pytest.raises(SpecError) as caught:
        ServingConfig.from_dict(plain)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_fallback_must_not_expire():
    for bounds in ({"from_period": 1}, {"valid_until": 1}):
        with pytest.raises(SpecError, match="must not expire"):
            ServingConfig(fallback=on_terms(always(GRID, "none"), **bounds))


def test_a_section_of_toml(tmp_path):
    save(always(GRID, "1x@08:00"), tmp_path / "safe")
    path = tmp_path / "service.toml"
    path.write_text(f'[other]\nx = 1\n[serving]\nkeep = 2\nfallback = {{ policy = "{tmp_path / "safe"}" }}\n')
    config = ServingConfig.from_toml(path)
    assert (config.keep, config.max_age_periods) == (2, None)
    assert Decider(table(1, actions=GRID, valid_until=1), config).decide("u", 2).action == "1x@08:00"
    path.write_text("[other]\n")
    assert ServingConfig.from_toml(path) == ServingConfig()
    for bad in ("serving = 3", "[serving", "[serving]\nkeeep = 3"):
        path.write_text(bad)
        with pytest.raises(SpecError):
            ServingConfig.from_toml(path)
    with pytest.raises(SpecError, match="name a TOML file"):
        ServingConfig.from_toml(tmp_path / "absent.toml")
    path.write_text('[serving]\nfallback = { policy = "nowhere" }')
    with pytest.raises(PolicyFormatError):
        ServingConfig.from_toml(path)
