"""Nine published regularities in the simulated world: measure, tabulate, draw.

python experiments/003_world/run.py            20 seeds (15 minutes on two cores); rewrites the table of README.md
                                               and regularities.png
python experiments/003_world/run.py --draw     only the table and the figure, from results.json
python experiments/003_world/run.py --small --out /tmp/world     two small seeds, for CI
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from figure import draw
from measures import REGULARITIES, Study, anchors

HERE = Path(__file__).parent
START, END = "<!-- table -->\n", "<!-- /table -->"


def measure(settings: dict[str, int]) -> dict[str, Any]:
    """Every regularity for every seed."""
    found: list[dict[str, Any]] = []
    for i in range(settings["seeds"]):
        began = time.perf_counter()
        study = Study(settings["first_seed"] + i, settings["users"], settings["trial_users"], settings["table_users"])
        found.append({f.__name__: f(study) for f in (anchors, *REGULARITIES)} | {"seed": study.seed})
        failed = [f.__name__ for f in REGULARITIES if not found[-1][f.__name__]["holds"]]
        took = time.perf_counter() - began
        print(f"seed {study.seed}: {took:.0f} s, fails: {', '.join(failed) or 'none'}", file=sys.stderr, flush=True)
    return {"settings": settings, "seeds": found}


ROWS = (  # number, what, function, and (figure, label, scale, unit, sign) of each figure; sign "+" shows a change
    ("1", "half of the sends dropped at random, 28 days", "drop_half",
     (("sessions", "sessions", 100, "%", "+"), ("opt_outs", "opt-outs", 100, "%", "+"))),
    ("2", "10 instead of 5 a week: sessions", "double",
     (("day 14", "days 0–13", 100, "%", "+"), ("window to 180", "152–179", 100, "%", "+"),
      ("window to 364", "336–363", 100, "%", "+"), ("year", "0–363", 100, "%", "+"))),
    ("3", "best frequency by leaf at 60 % of the opt-outs, on another population", "limited",
     (("sends", "sends", 100, "%", "+"), ("opt_outs", "opt-outs", 100, "%", "+"),
      ("sessions", "sessions", 100, "%", "+"))),
    ("4", "best hour instead of any of five: sessions", "best_hour",
     (("leaf", "by leaf", 100, "%", "+"), ("user", "by user", 100, "%", "+"))),
    ("5", "share sent to, when the half with most uplift is sent to", "uplift",
     (("share:0", "least active tenth", 100, "%", ""), ("share:9", "most active tenth", 100, "%", ""))),
    ("5", "uplift of a send, learned from a micro-randomised log", "uplift",
     (("learned:0", "least active tenth", 1, "sessions", ""), ("learned:8", "ninth", 1, "", ""),
      ("learned:9", "most active", 1, "", ""))),
    ("6", "opens per send against 5 a week", "opens_per_send",
     (("half", "half dropped", 100, "%", "+"), ("double", "doubled", 100, "%", "+"))),
    ("7", "still reachable after a year of greedy clicks", "greedy",
     (("reachable", "greedy", 100, "%", ""), ("status quo", "status quo", 100, "%", ""),
      ("sessions, year", "sessions of the year", 100, "%", "+"))),
    ("8", "predicted gain of p = .6 over .2, over the true gain", "one_step_misleads",
     (("factor", "factor", 1, "", ""),)),
    ("9", "from one send in four weeks to one a week", "monthly_to_weekly",
     (("monthly, per send", "opt-outs per send", 100, "%", ""), ("weekly, per send", "→", 100, "%", ""),
      ("monthly, per 28 days", "per 28 days", 100, "%", ""), ("weekly, per 28 days", "→", 100, "%", ""))),
    ("–", "the status quo, 28 days", "anchors",
     (("open rate", "open rate", 100, "%", ""), ("share of sessions that notifications added", "share of sessions", 100,
      "%", ""), ("sessions a week", "sessions a week", 1, "", ""), ("opt-outs per send", "opt-outs per send", 100,
      "%", ""))),
)  # fmt: skip


def table(results: dict[str, Any]) -> str:
    """The Markdown table: mean ± sd over seeds, and the share of seeds in which each holds."""
    seeds = results["seeds"]
    lines = ["| # | what | measured (mean ± sd over seeds) | holds in |", "|---|---|---|---|"]
    for number, what, name, figures in ROWS:
        shown = ", ".join(_figure(seeds, name, *figure) for figure in figures)
        held = "learned holds" if figures[0][0].startswith("learned") else "holds"
        share = f"{sum(bool(s[name][held]) for s in seeds)}/{len(seeds)}" if name != "anchors" else ""
        lines.append(f"| {number} | {what} | {shown} | {share} |")
    return "\n".join(lines) + "\n"


def _figure(seeds: list[dict[str, Any]], name: str, key: str, label: str, scale: float, unit: str, sign: str) -> str:
    field, _, place = key.partition(":")
    values = [s[name][field][int(place)] if place else s[name][field] for s in seeds]
    x = scale * np.array(values)
    digits = 3 if abs(x.mean()) < 0.5 else 2 if abs(x.mean()) < 10 else 1
    text = f"{x.mean():{sign}.{digits}f} ± {x.std(ddof=1) if x.size > 1 else 0:.{digits}f}"
    return f"{label} {text.replace('-', '−')}{f' {unit}' if unit else ''}"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--small", action="store_true", help="two small seeds")
    options.add_argument("--draw", action="store_true", help="only the table and the figure, from results.json")
    options.add_argument("--out", type=Path, default=HERE, help="folder of results.json, README.md and the figure")
    asked = options.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    config = tomllib.loads((HERE / "config.toml").read_text(encoding="utf-8"))
    store = asked.out / "results.json"
    if not asked.draw:
        results = measure(config["small" if asked.small else "run"])
        store.write_text(json.dumps(results, indent=1, default=lambda x: x.item()) + "\n", encoding="utf-8")
    results = json.loads(store.read_text(encoding="utf-8"))
    draw(results["seeds"], asked.out / "regularities.png")
    text = (HERE / "README.md").read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    (asked.out / "README.md").write_text(before + START + table(results) + END + after, encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
