"""Send instants over every jump of every clock, and over many user-weeks of random rules: how often is a rule broken?

Run: python benchmarks/reliability/schedule.py            (about ten minutes on one core)
     python benchmarks/reliability/schedule.py --small    (some seconds: a few zones, 2,000 user-weeks)
The checks are written apart from the schedule: by wall clocks of the standard library and by sorting.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from tactful.core.actions import ActionSpace
from tactful.serving.limiter import Sent
from tactful.serving.rules import TRANSACTIONAL, Rules
from tactful.serving.schedule import BYPASSED, DROPPED, Intent, Person, Send, schedule

SLOTS = ["00:00", "00:30", "01:30", "02:00", "02:30", "03:00", "12:00", "22:30", "23:45"]
SPACE = ActionSpace.grid(SLOTS, [7])
HOUR = 3_600_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NIGHT = Rules.of({"quiet": {"": [["21:00", "01:00"], ["02:15", "02:45"]]}, "patience_hours": 23})
CHOICES = {
    "quiet": [[], [["21:00", "08:00"]], [["22:30", "06:30"], ["12:00", "13:30"]], [["00:00", "09:00"]]],
    "caps": [
        {"most": 2, "hours": 72},
        {"most": 3, "per": "week"},
        {"most": 1, "per": "day"},
        {"most": 5, "per": "month"},
        {"most": 2, "hours": 168, "channel": "push"},
        {"most": 1, "per": "week", "category": "offers"},
    ],
    "gaps": [{"hours": 6}, {"hours": 20}, {"hours": 48, "channel": "push"}, {"hours": 30, "category": "offers"}],
}


def local(at_us: int, place: ZoneInfo) -> datetime:
    return (EPOCH + timedelta(microseconds=at_us)).astimezone(place)


def jumps(name: str) -> Iterator[int]:
    """The instants (s) from 1970 to 2037 at which a zone's offset changes, to the day."""
    place, day = ZoneInfo(name), 86_400
    before = None
    for at in range(0, 2_145_916_800, day):
        offset = datetime.fromtimestamp(at, place).utcoffset()
        if before is not None and offset != before:
            yield at
        before = offset


def quiet(at: datetime, spans: Sequence[tuple[int, int]]) -> bool:
    minute = 60 * at.hour + at.minute
    return any(a <= minute < b for a, b in spans)


def clocks(zones: Sequence[str]) -> Counter[str]:
    """Every jump of every zone: three weeks around it, a send a day at every slot."""
    counted: Counter[str] = Counter()
    for i, name in enumerate(zones):
        place = ZoneInfo(name)
        for jump in jumps(name):
            counted["jumps"] += 1
            middle = SPACE.period(jump * 1_000_000)
            for slot in SLOTS:
                _around(name, place, slot, middle, counted)
        progress(f"zone {i + 1} of {len(zones)}: {counted['sends']:,} sends")
    return counted


def _around(name: str, place: ZoneInfo, slot: str, middle: int, counted: Counter[str]) -> None:
    fired: Counter[tuple[str, str | None]] = Counter()
    for period in (middle - 1, middle, middle + 1):
        for send in schedule([Intent.of("c", period, SPACE, f"7x@{slot}")], Person("u", name), NIGHT):
            if send.at_us is None:
                counted["dropped"] += 1
                continue
            counted["sends"] += 1
            fired[send.day, send.slot] += 1
            counted["in quiet hours"] += quiet(local(send.at_us, place), NIGHT.quiet_at(""))
            counted["outside their period"] += SPACE.period(send.at_us) != period
    counted["twice"] += sum(n > 1 for n in fired.values())


def weeks(count: int, seed: int) -> Counter[str]:
    """User-weeks with random rules, histories and campaigns."""
    chance, counted = random.Random(seed), Counter[str]()  # noqa: S311 - a study, not a secret
    zones = sorted(available_timezones())
    for i in range(count):
        name = chance.choice(zones)
        plain = {
            "quiet": {"": chance.choice(CHOICES["quiet"])},
            "caps": chance.sample(CHOICES["caps"], chance.randrange(4)),
            "gaps": chance.sample(CHOICES["gaps"], chance.randrange(3)),
            "patience_hours": chance.choice([0, 3, 12, 23]),
            "transactional_counts": chance.random() < 0.5,
        }
        rules, period = Rules.of(plain), chance.randrange(1500, 3500)
        start = SPACE.period_start_us(period)
        kinds = [(chance.choice(["push", "mail"]), chance.choice(["offers", "news"])) for _ in range(8)]
        intents = [
            Intent.of(str(j), period, SPACE, chance.choice(SPACE.names[1:]), channel=c, category=g, priority=j % 2)
            for j, (c, g) in enumerate(kinds[: chance.randrange(1, 4)])
        ]
        receipt = Intent("receipt", start + chance.randrange(168 * HOUR), 0, category=TRANSACTIONAL, channel="push")
        history = [Sent(start - chance.randrange(400 * HOUR), c, g) for c, g in kinds[4 : 4 + chance.randrange(4)]]
        sends = schedule([*intents, receipt], Person(i, name), rules, history)
        _judge(sends, receipt, rules, history, ZoneInfo(name), counted)
        if i % 1000 == 0:
            progress(f"user-week {i:,} of {count:,}: {counted['sends']:,} sends")
    return counted


def _judge(
    sends: Sequence[Send],
    receipt: Intent,
    rules: Rules,
    history: Sequence[Sent],
    place: ZoneInfo,
    counted: Counter[str],
) -> None:
    made = [s for s in sends if s.at_us is not None and s.state != BYPASSED]
    past = [(h.at_us, h.channel, h.category) for h in history]
    if rules.transactional_counts:
        past.append((receipt.start_us, receipt.channel, TRANSACTIONAL))
    every = past + [(s.at_us or 0, s.channel, s.category) for s in made]
    counted["sends"] += len(made)
    counted["dropped"] += sum(s.state == DROPPED for s in sends)
    counted["in quiet hours"] += sum(quiet(local(s.at_us or 0, place), rules.quiet_at("")) for s in made)
    counted["transactional, held up"] += not any(s.state == BYPASSED and s.at_us == receipt.start_us for s in sends)
    for s in made:
        at = s.at_us or 0
        for cap in rules.caps:
            if cap.channel in (None, s.channel) and cap.category in (None, s.category):
                of = [t for t, c, g in every if cap.channel in (None, c) and cap.category in (None, g)]
                counted["over a cap"] += _over(sorted(of), at, cap.most, cap.hours, cap.per, place)
        for gap in rules.gaps:
            if gap.channel in (None, s.channel) and gap.category in (None, s.category):
                of = [t for t, c, g in every if gap.channel in (None, c) and gap.category in (None, g)]
                of.remove(at)
                counted["inside a gap"] += any(abs(t - at) < gap.hours * HOUR for t in of)


def _over(times: list[int], at: int, most: int, hours: float | None, per: str | None, place: ZoneInfo) -> bool:
    if hours is None:
        text = {"day": "%Y-%m-%d", "week": "%G-%V", "month": "%Y-%m"}[str(per)]
        return sum(local(t, place).strftime(text) == local(at, place).strftime(text) for t in times) > most
    ends = [t for t in times if t - hours * HOUR < at <= t]
    return any(sum(end - hours * HOUR < t <= end for t in times) > most for end in ends)


def progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text}", end="", file=sys.stderr)


def report(title: str, counted: Counter[str], took: float, wrong: Sequence[str]) -> bool:
    print(f"{title}: {', '.join(f'{n:,} {what}' for what, n in counted.items() if what not in wrong)} ({took:.0f} s)")
    for what in wrong:
        print(f"  {what}: {counted[what]}")
    return not any(counted[what] for what in wrong)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--seed", type=int, default=20261122)
    options = parser.parse_args()
    everywhere = sorted(available_timezones())
    some = ["Europe/Paris", "Pacific/Apia", "Australia/Lord_Howe"] if options.small else everywhere
    start = time.perf_counter()
    kept = report(
        f"{len(some)} zones, every jump from 1970 to 2037",
        clocks(some),
        time.perf_counter() - start,
        ["twice", "in quiet hours", "outside their period"],
    )
    start = time.perf_counter()
    kept &= report(
        "random user-weeks",
        weeks(2000 if options.small else 1_000_000, options.seed),
        time.perf_counter() - start,
        ["in quiet hours", "over a cap", "inside a gap", "transactional, held up"],
    )
    sys.exit(0 if kept else 1)
