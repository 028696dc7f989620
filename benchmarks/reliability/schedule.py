"""Send instants over every jump of every clock, and over many user-weeks of random rules: how often is a rule broken?

Run: python benchmarks/reliability/schedule.py            (about ten minutes on one core)
     python benchmarks/reliability/schedule.py --small    (some seconds: a few zones, 2,000 user-weeks)
The checks are written apart from the schedule: by wall clocks of the standard library and by sorting.
"""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import find_harness  # noqa: F401
from harness.command import parser, show_progress

import tactful as tt
from tactful.serving import BYPASSED, DROPPED, TRANSACTIONAL, Cap, Gap, Intent, Person, Rules, Send, Sent, schedule

SLOTS = ["00:00", "00:30", "01:30", "02:00", "02:30", "03:00", "12:00", "22:30", "23:45"]
SPACE = tt.ActionSpace.grid(SLOTS, [7])
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
BUCKETS = {"day": "%Y-%m-%d", "week": "%G-%V", "month": "%Y-%m"}
CLOCK_FAILURES = ("twice", "in quiet hours", "outside their period")
WEEK_FAILURES = ("in quiet hours", "over a cap", "inside a gap", "transactional, held up")


def local(at_us: int, place: ZoneInfo) -> datetime:
    return (EPOCH + timedelta(microseconds=at_us)).astimezone(place)


def jumps(zone: str) -> Iterator[int]:
    """The instants (s) from 1970 to 2037 at which a zone's offset changes, to the day."""
    place, day, offset = ZoneInfo(zone), 86_400, None
    for instant in range(0, 2_145_916_800, day):
        previous, offset = offset, datetime.fromtimestamp(instant, place).utcoffset()
        if previous not in (None, offset):
            yield instant


def is_quiet(wall_clock: datetime, spans: Sequence[tuple[int, int]]) -> bool:
    minute = 60 * wall_clock.hour + wall_clock.minute
    return any(a <= minute < b for a, b in spans)


def check_clocks(zones: Sequence[str]) -> Counter[str]:
    """Every jump of every zone: three weeks around it, a send a day at every slot."""
    counted: Counter[str] = Counter()
    for i, zone in enumerate(zones):
        for jump in jumps(zone):
            counted["jumps"] += 1
            for slot in SLOTS:
                check_slot(zone, slot, SPACE.period(jump * 1_000_000), counted)
        show_progress(f"zone {i + 1} of {len(zones)}: {counted['sends']:,} sends")
    return counted


def check_slot(zone: str, slot: str, middle: int, counted: Counter[str]) -> None:
    """The sends of a slot in the period of a jump and the two beside it."""
    place, sends_by_day = ZoneInfo(zone), Counter[tuple[str, str | None]]()
    for period in (middle - 1, middle, middle + 1):
        for send in schedule([Intent.of("c", period, SPACE, f"7x@{slot}")], Person("u", zone), NIGHT):
            if send.at_us is None:
                counted["dropped"] += 1
                continue
            counted["sends"] += 1
            sends_by_day[send.day, send.slot] += 1
            counted["in quiet hours"] += is_quiet(local(send.at_us, place), NIGHT.quiet_at(""))
            counted["outside their period"] += SPACE.period(send.at_us) != period
    counted["twice"] += sum(n > 1 for n in sends_by_day.values())


@dataclass
class UserWeek:
    """A user in a zone, with rules, what was sent before, and what is to be sent."""

    user: int
    zone: str
    rules: Rules
    history: list[Sent]
    intents: list[Intent]
    receipt: Intent

    @classmethod
    def draw(cls, chance: random.Random, user: int, zones: Sequence[str]) -> UserWeek:
        """At random: campaigns on two channels, and a receipt, which no rule may hold up."""
        zone = chance.choice(zones)
        options = {
            "quiet": {"": chance.choice(CHOICES["quiet"])},
            "caps": chance.sample(CHOICES["caps"], chance.randrange(4)),
            "gaps": chance.sample(CHOICES["gaps"], chance.randrange(3)),
            "patience_hours": chance.choice([0, 3, 12, 23]),
            "transactional_counts": chance.random() < 0.5,
        }
        period = chance.randrange(1500, 3500)
        start = SPACE.period_start_us(period)
        kinds = [(chance.choice(["push", "mail"]), chance.choice(["offers", "news"])) for _ in range(8)]
        intents = [
            Intent.of(str(j), period, SPACE, chance.choice(SPACE.names[1:]), channel=c, category=g, priority=j % 2)
            for j, (c, g) in enumerate(kinds[: chance.randrange(1, 4)])
        ]
        receipt = Intent("receipt", start + chance.randrange(168 * HOUR), 0, category=TRANSACTIONAL, channel="push")
        history = [Sent(start - chance.randrange(400 * HOUR), c, g) for c, g in kinds[4 : 4 + chance.randrange(4)]]
        return cls(user, zone, Rules.of(options), history, intents, receipt)

    def schedule(self) -> Sequence[Send]:
        return schedule([*self.intents, self.receipt], Person(self.user, self.zone), self.rules, self.history)

    def check(self, sends: Sequence[Send], counted: Counter[str]) -> None:
        """Count the sends that break a rule."""
        rules, receipt, place = self.rules, self.receipt, ZoneInfo(self.zone)
        regular = [s for s in sends if s.at_us is not None and s.state != BYPASSED]
        log = [(h.at_us, h.channel, h.category) for h in self.history]
        if rules.transactional_counts:
            log.append((receipt.start_us, receipt.channel, TRANSACTIONAL))
        log += [(s.at_us or 0, s.channel, s.category) for s in regular]
        bypassed = any(s.state == BYPASSED and s.at_us == receipt.start_us for s in sends)
        counted["sends"] += len(regular)
        counted["dropped"] += sum(s.state == DROPPED for s in sends)
        counted["in quiet hours"] += sum(is_quiet(local(s.at_us or 0, place), rules.quiet_at("")) for s in regular)
        counted["transactional, held up"] += not bypassed
        for send in regular:
            counted["over a cap"] += sum(is_over(cap, send, log, place) for cap in rules.caps)
            counted["inside a gap"] += sum(is_inside(gap, send, log) for gap in rules.gaps)


def times_under(rule: Cap | Gap, send: Send, log: Sequence[tuple[int, str, str]]) -> list[int]:
    """The instants that a cap or gap counts, in order; none where it does not concern the send."""
    if rule.channel not in (None, send.channel) or rule.category not in (None, send.category):
        return []
    return sorted(t for t, c, g in log if rule.channel in (None, c) and rule.category in (None, g))


def is_over(cap: Cap, send: Send, log: Sequence[tuple[int, str, str]], place: ZoneInfo) -> bool:
    """Whether some window that holds the send holds more than the cap allows."""
    times, instant = times_under(cap, send, log), send.at_us or 0
    if cap.hours is None:
        bucket = BUCKETS[str(cap.per)]
        neighbours = [t for t in times if local(t, place).strftime(bucket) == local(instant, place).strftime(bucket)]
        return len(neighbours) > cap.most
    length = cap.hours * HOUR
    ends = [t for t in times if t - length < instant <= t]
    return any(sum(end - length < t <= end for t in times) > cap.most for end in ends)


def is_inside(gap: Gap, send: Send, log: Sequence[tuple[int, str, str]]) -> bool:
    """Whether another send is nearer than the gap."""
    times, instant = times_under(gap, send, log), send.at_us or 0
    if instant in times:
        times.remove(instant)
    return any(abs(t - instant) < gap.hours * HOUR for t in times)


def check_weeks(count: int, seed: int) -> Counter[str]:
    """User-weeks with random rules, histories and campaigns."""
    chance, counted, zones = random.Random(seed), Counter[str](), sorted(available_timezones())  # noqa: S311
    for i in range(count):
        user_week = UserWeek.draw(chance, i, zones)
        user_week.check(user_week.schedule(), counted)
        if i % 1000 == 0:
            show_progress(f"user-week {i:,} of {count:,}: {counted['sends']:,} sends")
    return counted


def report(title: str, counted: Counter[str], seconds: float, failures: Sequence[str]) -> bool:
    """Print what was counted. Returns whether no rule was broken."""
    counts = ", ".join(f"{n:,} {name}" for name, n in counted.items() if name not in failures)
    print(f"{title}: {counts} ({seconds:.0f} s)")
    for name in failures:
        print(f"  {name}: {counted[name]}")
    return not any(counted[name] for name in failures)


if __name__ == "__main__":
    options = parser(__doc__, seed=20261122).parse_args()
    few_zones = ["Europe/Paris", "Pacific/Apia", "Australia/Lord_Howe"]
    zones = few_zones if options.small else sorted(available_timezones())
    start = time.perf_counter()
    counted = check_clocks(zones)
    title = f"{len(zones)} zones, every jump from 1970 to 2037"
    sound = report(title, counted, time.perf_counter() - start, CLOCK_FAILURES)
    start = time.perf_counter()
    counted = check_weeks(2000 if options.small else 1_000_000, options.seed)
    sound &= report("random user-weeks", counted, time.perf_counter() - start, WEEK_FAILURES)
    sys.exit(0 if sound else 1)
