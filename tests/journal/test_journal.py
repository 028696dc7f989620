"""The journal: durable when it says so, once for every id and every decision, and without a trace of the erased."""

from __future__ import annotations

import json
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from tactful.errors import JournalBusyError, JournalError, LogError
from tactful.journal.event import Event, erased_name
from tactful.journal.journal import Journal
from tactful.journal.tables import connect


def decision(i, user="u1", period=2900, **more):
    return Event(
        f"d{i}", "decision", user, 1000 + i, period=period, body={"action": f"a{i}", "propensity": 0.25}, **more
    )


def outcome(i, user="u1", at_us=5000, **more):
    return Event(f"o{i}", "outcome", user, at_us, body={"name": "opened", "value": 1} | more)


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "j.db") as opened:
        yield opened


def test_what_was_recorded_is_read_back_in_order_and_by_another_process_too(journal, tmp_path):
    batch = [
        decision(1),
        outcome(1),
        Event("s1", "send", "u1", 2000, period=2900, scope="push", body={"slot": "19:30"}),
    ]
    assert [a.status for a in journal.record(*batch)] == ["stored"] * 3
    assert [row.event for row in journal.read()] == batch
    assert [row.seq for row in journal.read()] == [1, 2, 3]
    assert journal.count() == {"decision": 1, "outcome": 1, "send": 1}
    with closing(sqlite3.connect(tmp_path / "j.db")) as raw:
        assert raw.execute("SELECT count(*) FROM tactful_events").fetchone() == (3,)
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert [row.event for row in journal.read(after=2)] == batch[2:]
    assert journal.of_user("u1", "send", "outcome") == [batch[2], batch[1]]
    assert journal.of_user("u1", since_us=2000) == [batch[2], batch[1]]


def test_events_of_users_are_in_the_order_in_which_they_happened(journal, monkeypatch):
    said = [("u1", 10, True), ("u1", 30, False), ("u1", 20, True), ("u2", 5, False), ("u2", 5, True), ("u3", 1, True)]
    c = [Event(f"c{i}", "consent", user, at, body={"granted": yes}) for i, (user, at, yes) in enumerate(said)]
    journal.record(*c, outcome(1, "u4"))
    monkeypatch.setattr("tactful.journal.journal.PAGE", 2)
    wanted = {"u1": [c[0], c[2], c[1]], "u2": [c[3], c[4]], "u3": [c[5]]}
    assert journal.of_users(["u1", "u2", "u3", "u4", "u5"], "consent") == wanted
    assert journal.of_users(["u1", "u3"], "consent", since_us=20) == {"u1": [c[2], c[1]]}
    assert journal.of_users([], "consent") == {}
    assert all(journal.of_user(user, "consent") == events for user, events in wanted.items())


def test_an_id_is_stored_once(journal):
    assert [a.status for a in journal.record(outcome(1), outcome(1), outcome(2))] == ["stored", "duplicate", "stored"]
    assert journal.record(outcome(1, user="u2"))[0].status == "duplicate"
    assert journal.count() == {"outcome": 2}


def test_the_first_decision_wins_and_a_retry_gets_it_back(journal):
    assert journal.decide(decision(1)) == decision(1)
    assert journal.decide(decision(2)) == decision(1)
    assert journal.decide(decision(1)) == decision(1)
    assert journal.decide(decision(3, scope="push")) == decision(3, scope="push")
    assert journal.decide(decision(4, period=2901)) == decision(4, period=2901)
    assert journal.decided("u1", 2900) == decision(1)
    assert journal.decided("u1", 2899) is None
    statuses = [(a.status, a.first and a.first.id) for a in journal.record(decision(5), decision(6, user="u2"))]
    assert statuses == [("decided", "d1"), ("stored", None)]
    with pytest.raises(JournalError, match="give it an id of its own"):
        journal.decide(decision(6, user="u3"))


def test_many_threads_and_two_writers_decide_once(tmp_path):
    def ask(j, i):
        return j.decide(Event(f"{i}", "decision", f"u{i % 20}", i, period=1, body={"i": i})).body["i"]

    with Journal(tmp_path / "j.db") as a, Journal(tmp_path / "j.db") as b, ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda i: (i % 20, ask(a if i % 3 else b, i)), range(400)))
        stored = {row.event.user: row.event.body["i"] for row in a.read()}
    assert len(stored) == 20
    assert {(int(user[1:]), i) for user, i in stored.items()} == set(got)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("do"), st.integers(0, 5), st.integers(0, 2), st.integers(0, 1)), max_size=25))
def test_any_history_is_that_of_a_dictionary(tmp_path_factory, history):
    made = [
        Event(f"{kind}{i}", "decision", f"u{u}", i, period=p, body={"i": i})
        if kind == "d"
        else Event(f"{kind}{i}", "outcome", f"u{u}", i, body={"name": "x"})
        for kind, i, u, p in history
    ]
    ids, decided, expected = set(), {}, []
    for event in made:
        key = (event.user, event.period) if event.kind == "decision" else None
        taken = decided.get(key) if key else None
        if event.id not in ids and taken is None:
            ids.add(event.id)
            if key:
                decided[key] = event
            expected.append(("stored", None))
        else:
            expected.append(("decided" if taken and taken.id != event.id else "duplicate", taken))
    with Journal(tmp_path_factory.mktemp("j") / "j.db") as journal:
        assert [(a.status, a.first) for a in journal.record(*made)] == expected
        assert {row.event.id for row in journal.read()} == ids


def test_what_comes_later_in_a_group_does_not_decide_what_came_before(tmp_path):
    """One transaction writes all three; each is acknowledged as if it had been alone."""
    made = [
        Event(name, "decision", user, 0, period=0, body={"i": 0})
        for name, user in (("d1", "u0"), ("d1", "u1"), ("d0", "u1"))
    ]
    with Journal(tmp_path / "j.db", linger_ms=200) as journal:
        assert [(a.status, a.first) for a in journal.record(*made)] == [
            ("stored", None),
            ("duplicate", None),
            ("stored", None),
        ]


def test_an_erased_user_leaves_a_hash_and_no_trace(journal, tmp_path):
    journal.record(decision(1, user="anna@example.org"), outcome(1, "anna@example.org"), outcome(2, "u2"))
    assert journal.erase("anna@example.org", 6000) == 2
    assert journal.is_erased("anna@example.org")
    assert not journal.is_erased("u2")
    late, after = outcome(3, "anna@example.org", 5999), outcome(4, "anna@example.org", 6001)
    assert [a.status for a in journal.record(late, after)] == ["erased", "stored"]
    assert journal.count() == {"outcome": 2, "erase": 1}
    assert journal.of_user(erased_name("anna@example.org"))[0].kind == "erase"
    assert journal.erase("anna@example.org", 7000) == 1
    journal.close()
    left = b"".join(path.read_bytes() for path in tmp_path.glob("j.db*"))
    assert b"anna" not in left
    assert b"u2" in left


def test_too_many_waiting_events_are_refused_and_none_is_lost(tmp_path):
    gate = threading.Event()

    def clock():
        gate.wait()
        return 0

    journal = Journal(tmp_path / "j.db", waiting=3, group=1, patience_s=0.01, clock=clock)
    futures = [journal.submit(outcome(0))]
    while journal.waiting:  # until it is held at the gate
        gate.wait(0.001)
    futures += [journal.submit(outcome(i)) for i in (1, 2, 3)]
    with pytest.raises(JournalBusyError, match="3 events are waiting"):
        journal.submit(outcome(99))
    gate.set()
    assert [f.result().status for f in futures] == ["stored"] * len(futures)
    assert journal.count() == {"outcome": len(futures)}
    journal.close()


def test_a_database_that_refuses_is_surfaced_and_nothing_is_acknowledged(journal, tmp_path):
    journal.record(outcome(0))
    engine = connect(tmp_path / "j.db")
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "CREATE TRIGGER full BEFORE INSERT ON tactful_events WHEN NEW.id = 'o7'"
                " BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            )
        )
    futures = [journal.submit(outcome(i)) for i in (6, 7)]
    failed = [f.exception() for f in futures]
    assert "disk full" in str(failed[1])
    for future, error in zip(futures, failed, strict=True):
        assert (error is None) == (future.exception() is None)
    stored = {row.event.id for row in journal.read()}
    assert stored == {"o0"} | ({"o6"} if failed[0] is None else set())
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TRIGGER full"))
    engine.dispose()
    assert {a.status for a in journal.record(outcome(6), outcome(7))} <= {"stored", "duplicate"}


def test_a_closed_journal_has_stored_what_it_took_and_takes_no_more(tmp_path):
    journal = Journal(tmp_path / "j.db", linger_ms=50)
    futures = [journal.submit(outcome(i)) for i in range(100)]
    journal.close()
    assert {f.result().status for f in futures} == {"stored"}
    for refused in (journal.check, lambda: journal.record(outcome(200))):
        with pytest.raises(JournalError, match="it is closed"):
            refused()
    journal.close()
    with Journal(tmp_path / "j.db") as again:
        assert again.count() == {"outcome": 100}
        again.check()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Event("", "send", "u", 0), "event id: 0 characters"),
        (lambda: Event("e", "send", "u" * 600, 0), "event user: 600 characters"),
        (lambda: Event("e", "click", "u", 0), "event kind: unknown kind 'click'"),
        (lambda: Event("e", "send", "u", 1 << 63), "event: at_us has more than 64 bits"),
        (lambda: Event("e", "decision", "u", 0), "event: a decision without a period"),
        (lambda: Event("e", "outcome", "u", 0), "event body: an outcome without a name"),
        (lambda: Event("e", "outcome", "u", 0, body={"name": "x", "value": float("nan")}), "event body: an outcome"),
        (lambda: Event("e", "outcome", "u", 0, body={"name": "x", "value": "1"}), "event body: an outcome whose value"),
        (lambda: Event("e", "send", "u", 0, body={"x": float("inf")}).text, "event body: not plain JSON"),
        (lambda: Event("e", "send", "u", 0, body={"x": {1, 2}}).text, "event body: not plain JSON"),
        (lambda: Event("e", "send", "u", 0, body={"x": "y" * 70000}).text, "event body: 70,008 characters"),
    ],
)
def test_events_that_could_not_be_read_back_are_refused(make, message):
    with pytest.raises(LogError) as caught:
        make()
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite://", "would not survive"),
        ("mysql://localhost/x", "cannot be opened"),
        ("nonsense+driver://x", "cannot be opened"),
        ("/nowhere/at/all/j.db", "unable to open"),
    ],
)
def test_what_is_no_journal_is_refused_in_one_line(url, message):
    with pytest.raises(JournalError) as caught:
        Journal(url)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_newer_journal_and_another_file_are_refused(tmp_path):
    Journal(tmp_path / "j.db").close()
    with closing(sqlite3.connect(tmp_path / "j.db")) as raw, raw:
        raw.execute("INSERT INTO tactful_journal VALUES (2)")
    with pytest.raises(JournalError, match="update tactful"):
        Journal(tmp_path / "j.db")
    (tmp_path / "text").write_text(json.dumps({"not": "a database"}) * 100)
    with pytest.raises(JournalError, match="not a database"):
        Journal(tmp_path / "text")
