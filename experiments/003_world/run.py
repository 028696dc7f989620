"""Nine published regularities in the simulated world: measure, tabulate, draw.

python experiments/003_world/run.py            20 seeds (15 minutes on two cores); rewrites the table of README.md
                                               and regularities.png
python experiments/003_world/run.py --draw     only the table and the figure, from results.json
python experiments/003_world/run.py --small --out /tmp/world     two small seeds, for CI
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # experiments/, where the harness is

import numpy as np
from harness.study import parser, read_study
from measures import REGULARITIES, anchors
from seed_study import SeedStudy
from world_figure import draw


def measure(settings: Mapping[str, int]) -> dict[str, Any]:
    """Every regularity for every seed."""
    results: list[dict[str, Any]] = []
    for seed in range(settings["first_seed"], settings["first_seed"] + settings["seeds"]):
        start = time.perf_counter()
        study = SeedStudy(seed, settings["users"], settings["trial_users"], settings["table_users"])
        result = {f.__name__: f(study) for f in (anchors, *REGULARITIES)} | {"seed": seed}
        results.append(result)
        failures = ", ".join(f.__name__ for f in REGULARITIES if not result[f.__name__]["holds"])
        seconds = time.perf_counter() - start
        print(f"seed {seed}: {seconds:.0f} s, fails: {failures or 'none'}", file=sys.stderr, flush=True)
    return {"settings": settings, "seeds": results}


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


def table(results: Mapping[str, Any]) -> str:
    """The Markdown table: mean ± sd over seeds, and the share of seeds in which each holds."""
    seeds = results["seeds"]
    lines = ["| # | what | measured (mean ± sd over seeds) | holds in |", "|---|---|---|---|"]
    for number, what, name, figures in ROWS:
        numbers = ", ".join(_figure(seeds, name, figure) for figure in figures)
        criterion = "learned holds" if figures[0][0].startswith("learned") else "holds"
        share = f"{sum(bool(s[name][criterion]) for s in seeds)}/{len(seeds)}" if name != "anchors" else ""
        lines.append(f"| {number} | {what} | {numbers} | {share} |")
    return "\n".join(lines) + "\n"


def _figure(seeds: list[dict[str, Any]], name: str, figure: tuple[str, str, float, str, str]) -> str:
    key, label, scale, unit, sign = figure
    field, _, place = key.partition(":")
    values = [s[name][field][int(place)] if place else s[name][field] for s in seeds]
    x = scale * np.array(values)
    digits = 3 if abs(x.mean()) < 0.5 else 2 if abs(x.mean()) < 10 else 1
    text = f"{x.mean():{sign}.{digits}f} ± {x.std(ddof=1) if x.size > 1 else 0:.{digits}f}"
    return f"{label} {text.replace('-', '−')}{f' {unit}' if unit else ''}"


def main() -> None:
    study = read_study(__file__, parser(__doc__, "results.json"))
    store = study.out / "results.json"
    if not study.draw:
        results = measure(study.settings)
        store.write_text(json.dumps(results, indent=1, default=lambda x: x.item()) + "\n", encoding="utf-8")
    results = json.loads(store.read_text(encoding="utf-8"))
    draw(results["seeds"], study.out / "regularities.png")
    study.write_readme({"table": table(results)})
    print(table(results))


if __name__ == "__main__":
    main()
