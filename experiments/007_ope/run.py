"""Can an estimate, its interval and its verdict be trusted? Measure, tabulate, draw.

python experiments/007_ope/run.py              every study (about half an hour on one core); what has been measured
                                               under the settings of config.toml is not measured again
python experiments/007_ope/run.py --draw       only the tables and the figure, from results/
python experiments/007_ope/run.py --only trial one study
python experiments/007_ope/run.py --small --out /tmp/ope     a small setting of each, for CI
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import adaptive
import carry_over
import cover
import gate
import health
import ope_tables as tables
import sequence
from ope_figure import draw
from results import Results

import tactful as tt
from tactful.tracking.mlflow_run import default_uri, record

HERE = Path(__file__).resolve().parent
Cells = dict[str, Any]
STUDIES: dict[str, tuple[Callable[[Any, Results], Cells], dict[str, Callable[[Cells], str]]]] = {
    "coverage": (cover.run, {"coverage": tables.coverage, "width": tables.width}),
    "sequence": (sequence.run, {"sequence": tables.sequence}),
    "adaptive": (adaptive.run, {"adaptive": tables.adaptive}),
    "markov": (carry_over.markov, {"markov": tables.markov}),
    "trial": (carry_over.trial, {"trial": tables.trial}),
    "lag": (carry_over.lag, {"lag": tables.lag}),
}


def stored(path: Path, measure: Callable[[], Cells], *, again: bool) -> Cells:
    """What a module with settings of its own has measured."""
    if again:
        path.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def between(text: str, name: str, made: str) -> str:
    """The README with what stands between the marks of ``name`` replaced."""
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, found, rest = text.partition(start)
    if not found:
        raise SystemExit(f"README.md has no {start.strip()}")
    return before + start + made.rstrip("\n") + "\n" + end + rest.partition(end)[2]


def main() -> None:
    asked = _asked()
    out: Path = asked.out
    (out / "results").mkdir(parents=True, exist_ok=True)
    config = tomllib.loads((HERE / "config.toml").read_text(encoding="utf-8"))["small" if asked.small else "run"]
    text, began = (HERE / "README.md").read_text(encoding="utf-8"), time.perf_counter()
    for name, (study, fragments) in STUDIES.items():
        results = Results(out / "results" / f"{name}.json", config[name])
        if asked.only in (None, name) and not asked.draw:
            study(config[name], results)
            print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
        for mark, fragment in fragments.items():
            if cells := results.cells():
                text = between(text, mark, fragment(cells))
                print(fragment(cells))
    others = (
        ("gate", out / "gate.json", lambda: gate.run(gate.SMALL if asked.small else gate.RUNS), gate.fragment),
        ("health", out / "results" / "health.json", lambda: health.run(asked.small), health.fragment),
    )
    for mark, path, measure, fragment in others:
        missing = asked.only in (None, mark) and not asked.draw and not path.exists()
        if found := stored(path, measure, again=missing):
            text = between(text, mark, fragment(found))
    (out / "README.md").write_text(text, encoding="utf-8")
    draw(Results(out / "results" / "coverage.json", config["coverage"]).cells(), out / "coverage.png")
    if not asked.draw:
        track(out, config, asked.small, time.perf_counter() - began)


def track(out: Path, config: dict[str, Any], small: bool, seconds: float) -> None:
    """The headline figures as an MLflow run in ``out/``."""
    cells = Results(out / "results" / "coverage.json", config["coverage"]).cells()
    numbers = {
        "seconds": seconds,
        "trusted_cells": float(len(cover.trusted(cells))),
        "outside_band": float(len(cover.outside(cells))),
        "betting_least_coverage": min(c["betting"] for c in cells.values() if "logs" in c),
    }
    folder = out / "out"
    folder.mkdir(exist_ok=True)
    shutil.copy(HERE / "config.toml", folder / "config.toml")
    record(
        default_uri(folder),
        experiment=HERE.name,
        run_name="small" if small else "run",
        params={study: json.dumps(settings) for study, settings in config.items()},
        metrics=numbers,
        tags={"tactful_version": tt.__version__},
        artifacts={"tables": out / "README.md", "figure": out / "coverage.png", "config": folder / "config.toml"},
    )


def _asked() -> argparse.Namespace:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--small", action="store_true", help="a small setting of each study")
    options.add_argument("--draw", action="store_true", help="only the tables and the figure, from results/")
    options.add_argument("--only", choices=[*STUDIES, "gate", "health"], help="one study")
    options.add_argument("--out", type=Path, default=HERE, help="folder of results/, README.md and the figure")
    return options.parse_args()


if __name__ == "__main__":
    main()
