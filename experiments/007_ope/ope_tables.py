"""The tables of README.md, from results."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cover import ESTIMATORS, RESAMPLED, band, outside, trusted
from harness.tables import grid, signed

Cells = dict[str, Any]


def rows(head: str, lines: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    return grid([name.strip() for name in head.split("|")], [list(line) for line in lines])


def share(x: float | None) -> str:
    """A share with three digits, or a dash."""
    return "–" if x is None else f"{x:.3f}"


def coverage(cells: Cells) -> str:
    """One table a mean, and what the band says."""
    low, high = band(cells)
    exceptions = outside(cells)
    least = min(c["betting"] for c in cells.values() if "logs" in c)
    text = (
        f"{len(trusted(cells))} cells have at least 95 % of their logs `ok` (bold). If every interval covered .950 "
        f"there, all of them would fall in {low:.3f} to {high:.3f} with probability .99. "
        + ("All do. " if not exceptions else f"Outside: {'; '.join(exceptions)}. ")
        + f"Betting covers {least:.3f} or more everywhere.\n"
    )
    return text + "".join(f"\nMean {mean:g}:\n\n{_coverage(cells, mean)}" for mean in _axis(cells, "mean"))


def _axis(cells: Cells, name: str) -> list[Any]:
    return list(dict.fromkeys(c[name] for c in cells.values() if "logs" in c))


def _coverage(cells: Cells, mean: float) -> str:
    head = "decisions | weights to | ICC | ok | weak | refused | " + " | ".join(ESTIMATORS).upper()
    head += " | " + " | ".join(f"{e.upper()} boot." for e in RESAMPLED) + " | betting | its width"
    lines = []
    for c in cells.values():
        if c.get("logs") and c["mean"] == mean:
            ok = f"{c['share ok']:.0%}"
            line = [f"{c['n']:,}", f"{c['largest']:g}", f"{c['alike']:g}", f"**{ok}**" if c["share ok"] >= 0.95 else ok]
            line += [f"{c['share weak']:.0%}", f"{c['share refused']:.0%}"]
            line += [share(c[f"{e} t"]) for e in ESTIMATORS] + [share(c[f"{e} bootstrap"]) for e in RESAMPLED]
            lines.append([*line, share(c["betting"]), f"{c['width']:.1f} ×"])
    return rows(head, lines)


def width(cells: Cells) -> str:
    """Betting's width over cluster-z, by users and rows of a user."""
    widths = [c for c in cells.values() if "rows" in c]
    alike = list(dict.fromkeys(c["alike"] for c in widths))
    pairs = dict.fromkeys((c["users"], c["rows"]) for c in widths)
    lines = [
        [f"{u:,}", str(r), *(f"{c['width']:.2f} ×" for c in widths if (c["users"], c["rows"]) == (u, r))]
        for u, r in pairs
    ]
    return rows("users | decisions each | " + " | ".join(f"ICC {a:g}" for a in alike), lines)


def sequence(cells: Cells) -> str:
    """Shares of paths that have left the truth out, by users."""
    paths = cells["paths"]
    names = {"betting": "betting sequence", "fixed": "cluster-z for one look"}
    head = "after users | " + " | ".join(f"{int(n):,}" for n in paths["betting"])
    return rows(head, [[name, *(share(x) for x in paths[key].values())] for key, name in names.items()])


def adaptive(cells: Cells) -> str:
    """Bias and coverage on a learner's logs."""
    names = {"betting": "betting", "dr": "DR, cluster-t", "ips": "IPS, cluster-t", "sample mean": "mean of the arm, z"}
    lines = [
        [f"{name}, {c['logs']:,} logs of {c['decisions']:,}", title, f"{signed(c[k]['bias'], 4)} ± {c[k]['error']:.4f}",
         share(c[k]["covered"]), share(c[k]["width"])]
        for name, c in cells.items() for k, title in names.items()
    ]  # fmt: skip
    return rows("learner | interval | bias ± its error | covered | mean width", lines)


def markov(cells: Cells) -> str:
    """Bias in a world whose values are exact."""
    names = {"pdis": "PDIS", "weighted pdis": "weighted PDIS", "mis": "marginalised", "one-step": "one-step"}
    lines = []
    for q, errors in cells["errors"].items():
        line = [q, f"{errors['truth']:.3f}"]
        for name in names:
            e = errors[name]
            line.append(f"{signed(e['bias'], 4)} ({signed(e['bias'] / e['error'], 1)}), sd {e['sd']:.3f}")
        lines.append(line)
    return rows("send with | truth | " + " | ".join(names.values()), lines)


def trial(cells: Cells) -> str:
    """Which of two probabilities is better: how often each says it rightly."""
    text = ""
    for design in ("doses at random", "one dose"):
        for price in (key for key in cells[design] if key.startswith("price")):
            pairs, logs = cells[design][price]["pairs"], cells[design]["logs"]
            worth = "sessions" if price == "price 0" else f"sessions − {price.split()[1]} × opt-outs"
            lines = [
                [f"{p['pair'][0]:g}, {p['pair'][1]:g}", signed(p["true"]), f"{signed(p['mis'])} ± {p['error']:.3f}",
                 f"{p['told']:.0%}", share(p["right"]), share(p["right, all"]), signed(p["one-step"]),
                 share(p["one-step right"])]
                for p in pairs
            ]  # fmt: skip
            head = "pair | true difference | marginalised ± its error | beyond 2 errors | right there | right in all"
            text += f"\n{design.capitalize()}, {worth}, {logs} logs:\n\n"
            text += rows(head + " | one-step | one-step right", lines)
    return text


def lag(cells: Cells) -> str:
    """How often the state is refuted."""
    lines = [[f"{c['users']:,}", f"{c['lag']:g}", f"{c['logs']:,}", share(c["refuted"])] for c in cells.values()]
    return rows("users | hidden, log-odds | logs | refuted at .05", lines)
