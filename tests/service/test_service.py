"""The HTTP service: keyed, bounded, decided once, durable before it answers, silent to who withdrew consent."""

from __future__ import annotations

import json

import pytest
from fastapi.testclient import TestClient

from logs import GRID, table
from tactful.errors import JournalBusyError, JournalError, SpecError
from tactful.journal.journal import Journal
from tactful.policies.arms import Arms
from tactful.policies.artifact import save
from tactful.service.app import create_app
from tactful.service.settings import KEY, Settings
from tactful.serving import Decider

SECRET = "a-key-of-more-than-16-characters"  # noqa: S105 - of these tests alone
POLICY = table(5, actions=GRID, uniform=0.03, arms=Arms(0.1, 0.1), scope="push")
RULES = """
[rules]
zone = "Europe/Paris"
caps = [{ most = 3, per = "week" }]
[rules.quiet]
"" = [["21:00", "08:00"]]
"""


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv(KEY, SECRET)
    (tmp_path / "service.toml").write_text(
        f'[service]\npolicy = "{tmp_path}/policy"\njournal = "{tmp_path}/j.db"\nmax_batch = 20\n'
        f"max_body_bytes = 20000\n{RULES}"
    )
    save(POLICY, tmp_path / "policy")
    return Settings.load(tmp_path / "service.toml")


@pytest.fixture
def client(settings):
    app = create_app(settings, Decider(settings.policy), Journal(settings.journal))
    with TestClient(app, headers={"X-API-Key": SECRET}) as client:
        yield client


def ask(client, path, **body):
    return client.post(path, json=body)


def test_a_decision_is_that_of_the_decider_and_is_journaled_before_it_is_told(client, settings):
    said = ask(client, "/decide", user="u-42", segment="ios", period=2960).json()
    expected = Decider(POLICY).decide("u-42", 2960, "ios")
    for name in ("segment", "arm", "action", "slot", "frequency", "propensity", "policy", "scope", "fallback"):
        assert said[name] == getattr(expected, name)
    assert (said["repeated"], said["journaled"]) == (False, True)
    with Journal(settings.journal) as journal:
        stored = journal.decided("u-42", 2960, "push")
    assert stored.id == said["id"]
    assert stored.body["propensity"] == expected.propensity


def test_who_asks_again_gets_the_decision_that_was_made(client, settings):
    first = ask(client, "/decide", user=42, segment="ios", period=2960).json()
    other = [True] + [False] * (GRID.k - 1)
    again = ask(client, "/decide", user="42", segment="web", period=2960, eligible=other).json()
    assert again == first | {"repeated": True}
    assert ask(client, "/decide", user="42", segment="web", period=2961).json()["repeated"] is False


def test_a_batch_is_answered_in_its_order(client):
    wanted = [{"user": f"u{i}", "segment": "ios", "period": 2960} for i in range(20)]
    said = ask(client, "/decide/batch", requests=wanted).json()["decisions"]
    assert [d["user"] for d in said] == [w["user"] for w in wanted]
    decider = Decider(POLICY)
    assert [d["action"] for d in said] == [decider.decide(w["user"], 2960, "ios").action for w in wanted]
    assert ask(client, "/decide/batch", requests=wanted * 2).status_code == 422


def test_the_rules_say_what_is_eligible_where_the_person_is_known(client, settings):
    one = ask(client, "/decide", user="u1", segment="ios", period=2960, person={"zone": "UTC"}).json()
    with Journal(settings.journal) as journal:
        mask = journal.decided("u1", 2960, "push").body["eligible"]
    late = [s is None or "08:00" <= s < "21:00" for s in GRID.slots]
    few = [(f or 0) <= 3 for f in GRID.frequencies]
    assert mask == [a and b for a, b in zip(late, few, strict=True)]
    served = Decider(POLICY).decide("u1", 2960, "ios", eligible=mask)
    assert one["propensity"] == served.propensity


def test_nothing_is_sent_to_who_has_withdrawn_consent(client):
    event = {"id": "c1", "kind": "consent", "user": "u9", "at": "2026-09-01T00:00:00Z", "granted": False}
    assert ask(client, "/outcomes", events=[event]).json() == {"statuses": {"c1": "stored"}}
    said = ask(client, "/decide", user="u9", period=2960).json()
    assert (said["action"], said["propensity"], said["journaled"]) == ("none", 1.0, False)
    assert said["fallback"] == "no consent"
    again = event | {"id": "c2", "at": "2026-09-02T00:00:00Z", "granted": True}
    ask(client, "/outcomes", events=[again])
    assert ask(client, "/decide", user="u9", period=2960).json()["journaled"] is True


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("1970-01-21T14:31:44Z", "outside 1990 to 2100"),
        ("1970-01-21T14:31:44Z", "milliseconds taken for microseconds"),
        ("2100-01-01T00:00:00Z", "outside 1990 to 2100"),
        ("0001-01-01T00:00:00Z", "outside 1990 to 2100"),
    ],
)
def test_events_at_times_that_cannot_be_meant_are_refused(client, at, says):
    refused = ask(client, "/outcomes", events=[{"id": "e1", "kind": "send", "user": "u1", "at": at}])
    assert refused.status_code == 422
    assert says in refused.json()["error"]
    assert "\n" not in refused.json()["error"]


def test_outcomes_may_be_posted_twice(client):
    event = {"id": "o1", "user": "u1", "at": "2026-09-24T18:00:00+02:00", "name": "opened", "value": 1}
    other = {"id": "s1", "kind": "send", "user": "u1", "at": "2026-09-24T18:00:00Z", "channel": "push"}
    assert ask(client, "/outcomes", events=[event, other]).json()["statuses"] == {"o1": "stored", "s1": "stored"}
    assert ask(client, "/outcomes", events=[event]).json()["statuses"] == {"o1": "duplicate"}
    for wrong in ({"name": None}, {"at": "2026-09-24T18:00:00"}, {"value": "NaN"}, {"kind": "decision"}, {"odd": 1}):
        refused = ask(client, "/outcomes", events=[event | {"id": "x"} | wrong])
        assert refused.status_code == 422
        assert list(refused.json()) == ["error"]
        assert "\n" not in refused.json()["error"]


def test_a_plan_says_when_and_why(client):
    send = {"id": "s1", "kind": "send", "user": "u1", "at": "2026-09-21T06:00:00Z", "channel": "push"}
    ask(client, "/outcomes", events=[send])
    action = next(n for n, f in zip(GRID.names, GRID.frequencies, strict=True) if f)
    said = ask(
        client,
        "/schedule",
        user="u1",
        cadences=[{"name": "news", "action": action, "period": 2960}],
        transactional=[{"name": "receipt", "at": "2026-09-24T02:00:00Z"}],
    ).json()["sends"]
    assert said[0] == {
        "name": "receipt",
        "state": "bypassed",
        "at": "2026-09-24T02:00:00+00:00",
        "day": "",
        "slot": None,
        "channel": "",
        "category": "transactional",
        "trace": ["transactional: never scored, delayed, capped or explored"],
    }
    assert {s["name"] for s in said[1:]} == {"news"}
    assert all("Europe/Paris" in s["trace"][0] for s in said[1:])


def test_without_the_key_nothing_is_answered_but_health(settings):
    app = create_app(settings, Decider(settings.policy), Journal(settings.journal))
    with TestClient(app) as client:
        assert client.get("/health").json() == {"status": "ok"}
        paths = [(m, p) for p, methods in app.openapi()["paths"].items() for m in methods]
        for method, path in [*paths, ("get", "/openapi.json"), ("get", "/docs"), ("get", "/nowhere")]:
            if path == "/health":
                continue
            assert client.request(method, path).status_code == 401, path
            assert client.request(method, path, headers={"X-API-Key": SECRET[:-1]}).status_code == 401
        assert client.get("/policy", headers={"Authorization": f"Bearer {SECRET}"}).status_code == 200
        assert client.get("/openapi.json", headers={"X-API-Key": SECRET}).status_code == 200


def test_a_body_that_is_too_large_is_not_read(client):
    large = json.dumps({"user": "u" * 30000})
    assert client.post("/decide", content=large).status_code == 413
    streamed = client.post("/decide", content=iter([large[:15000].encode(), large[15000:].encode()]))
    assert streamed.status_code == 422
    assert client.post("/decide", content=b"{}", headers={"Content-Length": "x"}).status_code in (400, 413)


def test_the_person_on_call_rolls_back_and_freezes(client, settings):
    assert client.get("/policy").json()["version"] == POLICY.version
    assert ask(client, "/policy", do="freeze").json()["frozen"] is True
    refused = ask(client, "/policy", do="rollback")
    assert (refused.status_code, "no such earlier policy" in refused.json()["error"]) == (422, True)
    assert ask(client, "/policy", do="unfreeze").json()["frozen"] is False


def test_a_user_is_erased(client, settings):
    ask(client, "/decide", user="anna", period=2960)
    assert client.delete("/users/anna").json() == {"events": 1}
    with Journal(settings.journal) as journal:
        assert journal.is_erased("anna")


def test_what_is_counted_can_be_scraped(client):
    ask(client, "/decide", user="u1", segment="nowhere", period=2960)
    ask(client, "/decide", user="u1", segment="nowhere", period=2960)
    ask(client, "/decide", user="")
    for i in range(7):
        event = {"id": f"t{i}", "kind": "send", "user": "u1", "at": "2026-09-24T18:00:00Z", "channel": "shop"}
        ask(client, "/outcomes", events=[event | {"category": "transactional"}])
    text = client.get("/metrics").text
    assert 'tactful_requests_total{path="/decide",status="200"} 2.0' in text
    assert 'tactful_requests_total{path="/decide",status="422"} 1.0' in text
    assert "tactful_fallbacks_total 1.0" in text
    assert "tactful_repeated_total 1.0" in text
    assert "tactful_journal_waiting 0.0" in text
    assert 'tactful_bypass_alarms_total{source="shop"} 1.0' in text


class Broken:
    """A journal whose disk is full."""

    waiting = 0

    def __init__(self, error):
        self.error = error

    def submit(self, event):
        raise self.error

    def of_users(self, *_, **__):
        return {}

    def check(self):
        raise self.error

    def close(self):
        pass


@pytest.mark.parametrize("error", [JournalError("not stored (disk full)"), JournalBusyError("10,000 are waiting")])
def test_what_is_not_durable_is_not_acknowledged(settings, error):
    app = create_app(settings, Decider(settings.policy), Broken(error))
    with TestClient(app, headers={"X-API-Key": SECRET}) as client:
        said = ask(client, "/decide", user="u1", period=2960)
        assert (said.status_code, said.json()) == (503, {"error": str(error)})
        assert said.headers.get("Retry-After") == ("1" if isinstance(error, JournalBusyError) else None)
        ready = client.get("/ready")
        assert (ready.status_code, ready.json()) == (503, {"ready": False, "why": str(error)})
        assert client.get("/health").status_code == 200
        assert "tactful_journal_refused_total 1.0" in client.get("/metrics").text


def test_closing_stores_what_was_taken(settings):
    app = create_app(settings, Decider(settings.policy), Journal(settings.journal, linger_ms=30))
    with TestClient(app, headers={"X-API-Key": SECRET}) as client:
        assert client.get("/ready").json() == {"ready": True, "why": ""}
        for i in range(5):
            assert ask(client, "/decide", user=f"u{i}", period=1).status_code == 200
    with Journal(settings.journal) as journal:
        assert journal.count() == {"decision": 5}


def test_the_fallback_is_journaled_with_its_true_propensity(settings, tmp_path):
    decider = Decider(table(5, actions=GRID, uniform=0.03, valid_until=2000))
    with TestClient(create_app(settings, decider, Journal(settings.journal)), headers={"X-API-Key": SECRET}) as client:
        said = ask(client, "/decide", user="u1", period=2960).json()
    assert (said["action"], said["propensity"]) == ("none", 1.0)
    assert said["fallback"].startswith("expired")


@pytest.mark.parametrize(
    ("text", "given", "message"),
    [
        ("", {}, "[service]: no policy"),
        ('[service]\npolicy = "p"', {}, "[service]: no journal"),
        ('[service]\npolcy = "p"', {}, "[service]: unknown key 'polcy'; the nearest is 'policy'"),
        ("[servce]\n", {}, "unknown key 'servce'"),
        ('[service]\npolicy = "p"\njournal = "j"\nport = "x"', {}, "[service]: port = 'x'"),
        ('[service]\npolicy = "p"\njournal = "j"\nwatch_s = -1', {}, "[service]: watch_s = -1"),
        ('[service]\npolicy = "p"\njournal = 3', {}, "[service]: journal = 3"),
        ('[service]\npolicy = "p"\njournal = "j"\n[rules]\nzone = "Mars"', {}, "zone: unknown time zone 'Mars'"),
        ('[service]\npolicy = "p"\njournal = "j"\n[serving]\nfallback = "nil"', {}, "[serving] fallback: unknown"),
        ("not toml", {}, "cannot be read"),
        ('[service]\npolicy = "p"\njournal = "j"\nhost = "0.0.0.0"', {"insecure_loopback": True}, "host: --insecure"),
    ],
)
def test_settings_that_make_no_sense_refuse_to_start(tmp_path, monkeypatch, text, given, message):
    monkeypatch.setenv(KEY, SECRET)
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(SpecError) as caught:
        Settings.load(tmp_path / "s.toml", **given)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("key", "message"), [("", "no API key"), ("short", "an API key of 5 characters")])
def test_a_key_is_needed(monkeypatch, key, message):
    monkeypatch.setenv(KEY, key)
    with pytest.raises(SpecError, match=message):
        Settings.load(None, policy="p", journal="j")
    assert Settings.load(None, policy="p", journal="j", insecure_loopback=True).key is None
