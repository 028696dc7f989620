"""``tactful serve`` starts with what it can promise, and says in one line why not."""

from __future__ import annotations

import pytest

from logs import GRID, table
from tactful.cli.main import main
from tactful.policies.artifact import save
from tactful.service import run as service
from tactful.service.settings import KEY

SECRET = "a-key-of-more-than-16-characters"  # noqa: S105 - of these tests alone


@pytest.fixture
def started(monkeypatch):
    """What uvicorn would have been asked to serve."""
    seen = []
    monkeypatch.setattr(service.uvicorn, "run", lambda app, **options: seen.append((app, options)))
    return seen


def serve(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["serve", *map(str, arguments)])
    return ended.value.code, capsys.readouterr()


def test_it_serves_what_it_was_given(tmp_path, monkeypatch, capsys, started):
    monkeypatch.setenv(KEY, SECRET)
    policy = table(5, actions=GRID, uniform=0.03)
    save(policy, tmp_path / "policy")
    code, said = serve(capsys, "--policy", tmp_path / "policy", "--journal", tmp_path / "j.db", "--port", 8400)
    assert code == 0
    assert said.out.strip() == f"serving policy {policy.version} on 127.0.0.1:8400"
    ((app, options),) = started
    assert (options["host"], options["port"]) == ("127.0.0.1", 8400)
    assert "/decide" in app.openapi()["paths"]
    assert (tmp_path / "j.db").exists()


@pytest.mark.parametrize(
    ("key", "arguments", "message"),
    [
        ("", ["--policy", "p", "--journal", "j"], "TACTFUL_API_KEY: no API key"),
        (SECRET, ["--journal", "j"], "[service]: no policy"),
        (SECRET, ["--policy", "nowhere", "--journal", "j.db"], "nowhere/policy.json: no policy"),
        (SECRET, ["--policy", "models:/weekly@live", "--journal", "j.db"], "a registry alias without a registry"),
        ("", ["--policy", "p", "--journal", "j", "--host", "10.0.0.1", "--insecure-loopback"], "without a key only"),
    ],
)
def test_what_cannot_be_promised_is_not_started(monkeypatch, capsys, started, key, arguments, message):
    monkeypatch.setenv(KEY, key)
    code, said = serve(capsys, *arguments)
    assert (code, started) == (2, [])
    assert said.err.count("\n") == 1
    assert message in said.err
