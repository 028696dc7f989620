"""Send instants: wall clocks that jump, quiet hours, caps, gaps, priorities, and what nothing may hold up."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import clock
from tactful.core.actions import ActionSpace
from tactful.errors import SpecError
from tactful.serving.bypass import BypassWatch
from tactful.serving.limiter import Sent
from tactful.serving.rules import TRANSACTIONAL, Cap, Gap, Rules
from tactful.serving.schedule import BYPASSED, DROPPED, MOVED, PLANNED, Intent, Person, eligible, schedule
from tactful.serving.zones import moment, zone, zone_of

SPACE = ActionSpace.grid(["02:30", "08:00", "19:30", "22:30"], [1, 3, 7])
ZONES = (
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Africa/Cairo",
    "America/Sao_Paulo",
    "UTC",
)
NIGHT = {"quiet": {"": [["21:00", "08:00"]]}}


def us(text):
    return round(datetime.fromisoformat(text).timestamp()) * 1_000_000


def week(day, action="7x@19:30", name="c", **options):
    return Intent.of(name, SPACE.period(us(f"{day}T12:00+00:00")), SPACE, action, **options)


def at(send, name):
    return clock.local(send.at_us, name).strftime("%a %H:%M")


def test_a_cadence_is_spread_over_the_week_at_its_slot():
    sends = schedule([week("2026-06-10", "3x@19:30")], Person("u", "Europe/Paris"), Rules())
    days = [date.fromisoformat(s.day) for s in sends]
    assert [s.state for s in sends] == [PLANNED] * 3
    assert {at(s, "Europe/Paris")[4:] for s in sends} == {"19:30"}
    assert [(b - a).days for a, b in pairwise(days)] in ([2, 2], [2, 3], [3, 2])
    weekdays = [schedule([week("2026-06-10", "1x@19:30")], Person(u, "UTC"), Rules())[0].day for u in range(700)]
    assert len(set(weekdays)) == 7  # from a phase of the user's own


@pytest.mark.parametrize(
    ("day", "minute", "name", "expected"),
    [
        ("2026-03-08", 150, "America/New_York", "2026-03-08T07:00+00:00"),  # 02:30 does not exist: 03:00 EDT
        ("2026-11-01", 90, "America/New_York", "2026-11-01T05:30+00:00"),  # 01:30 twice: the first, EDT
        ("2026-10-04", 135, "Australia/Lord_Howe", "2026-10-03T15:30+00:00"),  # a jump of half an hour
        ("2026-06-10", 480, "Asia/Kathmandu", "2026-06-10T02:15+00:00"),  # UTC+05:45
        ("2011-12-30", 1170, "Pacific/Apia", None),  # a date that Samoa skipped
        ("2018-11-04", 0, "America/Sao_Paulo", "2018-11-04T03:00+00:00"),  # midnight did not exist: 01:00
    ],
)
def test_wall_clocks_that_jump(day, minute, name, expected):
    found = moment(date.fromisoformat(day), minute, zone(name))
    assert (None if found is None else found.at_us) == (None if expected is None else us(expected))


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.dates(date(1995, 1, 2), date(2037, 12, 1)),
    st.integers(0, 1439),
    st.booleans(),
    st.data(),
)
def test_moments_are_the_first_minute_of_a_slow_search(name, day, minute, near_a_jump, data):
    if near_a_jump:  # a date on which the offset changes, where the zone still has one
        jumps = [
            day + timedelta(d)
            for d in range(370)
            if clock.local(us((day + timedelta(d)).isoformat() + "T00:00+00:00"), name).utcoffset()
            != clock.local(us((day + timedelta(d + 1)).isoformat() + "T00:00+00:00"), name).utcoffset()
        ]
        day = data.draw(st.sampled_from([day, *jumps]))
    found = moment(day, minute, zone(name))
    assert (None if found is None else found.at_us) == clock.first_instant(day, minute, name)


def test_quiet_hours_hold_sends_back_and_jurisdictions_differ():
    rules = Rules.of({"quiet": {"": [["21:00", "08:00"]], "US": [["23:00", "07:00"]], "US-FL": [["19:00", "09:00"]]}})
    where = {"FR": "08:00", "US": "22:30", "US-FL": "09:00", "US-CA": "22:30"}
    for place, clock_shows in where.items():
        sends = schedule([week("2026-06-10", "3x@22:30")], Person("u", "UTC", jurisdiction=place), rules)
        assert {at(s, "UTC")[4:] for s in sends if s.at_us} == {clock_shows}
        assert all(s.state == (PLANNED if clock_shows == "22:30" else MOVED) for s in sends if s.at_us)
    impatient = Rules.of(NIGHT | {"patience_hours": 1})
    (send,) = schedule([week("2026-06-10", "1x@22:30")], Person("u", "UTC"), impatient)
    assert send.state == DROPPED
    assert "quiet hours at 22:30" in send.trace[-1]


def test_why_this_time_and_why_not_sent_are_told():
    rules = Rules.of(NIGHT | {"caps": [{"most": 2, "per": "week"}], "gaps": [{"hours": 20}]})
    sends = schedule([week("2026-03-08", "7x@02:30")], Person("u", "America/New_York"), rules)
    assert [s.state for s in sends].count(DROPPED) == 5
    sunday = schedule([week("2026-03-08", "7x@02:30")], Person("u", "America/New_York"), Rules())[-1]
    assert sunday.trace == (
        "02:30 on Sunday 2026-03-08 in America/New_York",
        "clocks jump over 02:30 on that day: 03:00",
    )
    assert sends[0].trace[-1] == "quiet hours: waits until 08:00"
    assert sends[-1].trace[-1] == "no room: at most 2 in a week"


def test_a_zone_that_nobody_knows_sends_nothing_and_the_chain_is_user_country_account():
    rules = Rules.of({"zones": {"FR": "Europe/Paris"}, "zone": "Asia/Tokyo"})
    assert zone_of("Europe/Rome", "FR", rules.zones, rules.zone) == "Europe/Rome"
    assert zone_of("Nowhere/At_all", "FR", rules.zones, rules.zone) == "Europe/Paris"
    assert zone_of(None, "DE", rules.zones, rules.zone) == "Asia/Tokyo"
    sends = schedule([week("2026-06-10")], Person("u", "Nowhere/At_all", "DE"), Rules())
    assert {s.state for s in sends} == {DROPPED}
    assert len(sends) == 7
    assert eligible(SPACE, 2900, Person("u"), Rules()) == [True] + [False] * 12


def test_a_date_and_slot_fire_once_although_the_user_moves():
    monday = week("2026-06-10", "7x@19:30")
    first = schedule([monday], Person("u", "Asia/Tokyo"), Rules())
    made = [Sent(s.at_us, day=s.day, slot=s.slot) for s in first[:4]]
    second = schedule([monday], Person("u", "America/New_York"), Rules(), made)
    assert not {s.day for s in second if s.at_us} & {m.day for m in made}
    assert [s.trace[-1] for s in second if not s.at_us] == [
        f"the send of {m.day} at 19:30 was made already" for m in made
    ]


def test_what_has_expired_is_not_sent():
    intent = week("2026-06-10", "7x@19:30", expires_us=us("2026-06-11T00:00+00:00"))
    sends = schedule([intent], Person("u", "UTC"), Rules())
    assert [s.day for s in sends if s.at_us] == ["2026-06-08", "2026-06-09", "2026-06-10"]
    assert {s.trace[-1] for s in sends if not s.at_us} == {"it would have expired"}


def test_priority_decides_who_gets_the_room_under_a_cap():
    rules = Rules.of({"caps": [{"most": 2, "per": "week", "channel": "push"}]})
    low = week("2026-06-10", "3x@08:00", "news", channel="push")
    high = week("2026-06-10", "3x@19:30", "offer", channel="push", priority=2)
    mail = week("2026-06-10", "3x@08:00", "mail", channel="email")
    sends = schedule([low, high, mail], Person("u", "UTC"), rules)
    made = [s.intent for s in sends if s.at_us]
    assert made.count("offer") == 2
    assert made.count("mail") == 3
    assert "news" not in made


def test_eligible_is_what_can_be_sent_at_its_own_time():
    person = Person("u", "Europe/Paris")
    names = dict(zip(SPACE.names, eligible(SPACE, 2944, person, Rules.of(NIGHT)), strict=True))
    assert [n for n, may in names.items() if not may] == [n for n in names if n.endswith(("02:30", "22:30"))]
    capped = Rules.of({"caps": [{"most": 3, "per": "week"}]})
    assert {n for n, may in zip(SPACE.names, eligible(SPACE, 2944, person, capped), strict=True) if may} == {
        n for n in SPACE.names if not n.startswith("7x")
    }
    start = SPACE.period_start_us(2944)
    used = [Sent(start + h * 3_600_000_000) for h in (1, 2, 3)]
    assert eligible(SPACE, 2944, person, capped, used) == [True] + [False] * 12


RULES = st.builds(
    Rules,
    quiet=st.sampled_from([{}, {"": ((1260, 1440), (0, 480))}, {"": ((720, 840),)}, {"": ((60, 150),)}]),
    caps=st.lists(
        st.one_of(
            st.builds(Cap, st.integers(0, 4), hours=st.sampled_from([24.0, 72.0, 168.0])),
            st.builds(Cap, st.integers(0, 4), per=st.sampled_from(["day", "week", "month"])),
        ),
        max_size=2,
    ).map(tuple),
    gaps=st.lists(st.builds(Gap, st.sampled_from([6.0, 20.0, 30.0])), max_size=1).map(tuple),
    patience_hours=st.sampled_from([0.0, 3.0, 12.0, 23.0]),
    transactional_counts=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(
    RULES,
    st.sampled_from(ZONES),
    st.integers(2200, 2990),
    st.lists(st.tuples(st.sampled_from(SPACE.names[1:]), st.integers(0, 2)), max_size=3),
    st.lists(st.integers(0, 336), max_size=4),
)
def test_no_plan_breaks_a_rule(rules, name, period, wanted, before):
    start = SPACE.period_start_us(period)
    history = [Sent(start + (h - 168) * 3_600_000_000) for h in before]
    intents = [Intent.of(str(i), period, SPACE, a, priority=p) for i, (a, p) in enumerate(wanted)]
    transactional = Intent("receipt", start + 777, start + 888, category=TRANSACTIONAL)
    sends = schedule([*intents, transactional], Person("u", name), rules, history)
    made = [s for s in sends if s.at_us is not None and s.state != BYPASSED]
    counted = [start + 777] if rules.transactional_counts else []
    times = [s.at_us for s in made] + [h.at_us for h in history] + counted
    spans = [(f"{a // 60:02d}:{a % 60:02d}", f"{b // 60:02d}:{b % 60:02d}") for a, b in rules.quiet.get("", ())]
    assert not any(clock.is_quiet(s.at_us, name, spans) for s in made)
    assert len({(s.day, s.slot) for s in made}) == len(made)
    for cap in rules.caps:  # history alone may be over a cap; no send of the plan may be in a window that is
        for s in made:
            assert not clock.breaks_cap(times, s.at_us, cap.most, hours=cap.hours, per=cap.per, zone=name)
    for gap in rules.gaps:
        for s in made:
            others = [*times]
            others.remove(s.at_us)
            assert all(abs(t - s.at_us) >= gap.hours * 3_600_000_000 for t in others)
    end = SPACE.period_start_us(period + 1)
    assert all(start <= s.at_us < end for s in made)
    assert sum(s.state == BYPASSED and s.at_us == start + 777 for s in sends) == 1


@settings(max_examples=60, deadline=None)
@given(RULES, st.sampled_from([*ZONES, "Nowhere/At_all"]), st.integers(0, 10**15), st.integers(0, 12))
def test_nothing_holds_up_a_transactional_notification(rules, name, at_us, sent):
    history = [Sent(at_us - i) for i in range(sent)]
    receipt = Intent("receipt", at_us, at_us, category=TRANSACTIONAL, expires_us=at_us - 1, priority=-9)
    (send,) = schedule([receipt], Person("u", name, "XX"), rules, history)
    assert (send.state, send.at_us) == (BYPASSED, at_us)


def test_whether_transactional_notifications_tire_is_a_setting():
    rules = {"caps": [{"most": 1, "per": "week"}]}
    receipt = Intent("receipt", us("2026-06-09T10:00+00:00"), 0, category=TRANSACTIONAL)
    for counts, planned in ((False, 1), (True, 0)):
        sends = schedule(
            [week("2026-06-10", "1x@19:30"), receipt],
            Person("u", "UTC"),
            Rules.of(rules | {"transactional_counts": counts}),
        )
        assert sum(s.state == PLANNED for s in sends) == planned


def test_bypass_that_looks_like_misuse_is_told_once_a_day():
    watch = BypassWatch(per_user_day=2, most_share=0.5, at_least=10)
    told = [watch.count("shop", "u", i, transactional=True) for i in range(6)]
    assert [a is not None for a in told] == [False, False, True, False, False, False]
    many = [watch.count("news", i, i, transactional=i % 4 > 0) for i in range(20)]
    assert [a.why for a in many if a] == ["more than 50% of its sends are said to be transactional"]
    assert watch.count("shop", "u", 86_400_000_000, transactional=True) is None
    assert not any(watch.count("till", i, i, transactional=True) for i in range(50))  # a source of nothing else


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        ({"quite": {}}, "rules: unknown key 'quite'; the nearest key is 'quiet'"),
        ({"caps": [{"most": 1}]}, "caps: a cap needs hours or per"),
        ({"caps": [{"most": 1, "per": "year"}]}, "caps: a cap per 'year'"),
        ({"caps": [{"most": -1, "per": "day"}]}, "caps: a cap below 0"),
        ({"caps": [{"most": 1, "per": "day", "chanel": "push"}]}, "caps: unknown key 'chanel'"),
        ({"gaps": [{"hours": 0}]}, "gaps: a gap of 0 hours"),
        ({"quiet": {"US": [["9pm", "08:00"]]}}, "quiet.US: not a time of day: '9pm'"),
        ({"quiet": {"": [["09:00", "09:00"]]}}, "quiet.default: from 09:00 to 09:00 is no span"),
        ({"quiet": {"": [["00:00", "12:00"], ["12:00", "24:00"]]}}, "quiet.default: the whole day is quiet"),
        ({"zones": {"FR": "Europe/Pariss"}}, "zones.FR: unknown time zone 'Europe/Pariss'"),
        ({"zone": "Mars"}, "zone: unknown time zone 'Mars'"),
        ({"patience_hours": 30}, "patience_hours: 30 hours of patience"),
        ({"quiet": 3}, "rules: not of the form"),
    ],
)
def test_rules_that_make_no_sense_are_refused_in_one_line(plain, message):
    with pytest.raises(SpecError) as caught:
        Rules.of(plain)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_plan_is_a_pure_function():
    args = ([week("2026-06-10")], Person("u", "Europe/Paris"), Rules.of(NIGHT), [Sent(us("2026-06-09T12:00+00:00"))])
    assert schedule(*args) == schedule(*args)
    assert hash(schedule(*args)) == hash(schedule(*args))
