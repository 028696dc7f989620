"""Can an estimate, its interval and its verdict be trusted? Measure, tabulate, draw.

python experiments/007_ope/run.py              every study (about half an hour on one core); what has been measured
                                               under the settings of config.toml is not measured again
python experiments/007_ope/run.py --draw       only the tables and the figure, from results/
python experiments/007_ope/run.py --only trial one study
python experiments/007_ope/run.py --small --out /tmp/ope     a small setting of each, for CI
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # experiments/, where the harness is

import adaptive
import carry_over
import cover
import gate
import gate_tables
import health
import health_tables
import ope_tables as tables
import sequence
from harness.study import README, Study, parser, read_study
from harness.tracked import track
from ope_figure import draw
from results import Results

Cells = dict[str, Any]
STUDIES: dict[str, tuple[Callable[[Any, Results], Cells], dict[str, Callable[[Cells], str]]]] = {
    "coverage": (cover.run, {"coverage": tables.coverage, "width": tables.width}),
    "sequence": (sequence.run, {"sequence": tables.sequence}),
    "adaptive": (adaptive.run, {"adaptive": tables.adaptive}),
    "markov": (carry_over.markov, {"markov": tables.markov}),
    "trial": (carry_over.trial, {"trial": tables.trial}),
    "lag": (carry_over.lag, {"lag": tables.lag}),
}


def stored(path: Path, measure: Callable[[], Cells], *, wanted: bool) -> Cells:
    """What a module with settings of its own has measured, now or before."""
    if wanted and not path.exists():
        path.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def selected(study: Study, name: str) -> bool:
    """Whether the command line asks to measure the study of this name."""
    return study.options.only in (None, name) and not study.draw


def configured(study: Study, start: float) -> dict[str, str]:
    """Measure what config.toml describes, and print and return its tables by their marks in the README."""
    fragments: dict[str, str] = {}
    for name, (measure, tables_of) in STUDIES.items():
        results = Results(study.out / "results" / f"{name}.json", study.settings[name])
        if selected(study, name):
            measure(study.settings[name], results)
            print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
        if cells := results.cells():
            fragments |= {mark: fragment(cells) for mark, fragment in tables_of.items()}
    for fragment in fragments.values():
        print(fragment)
    return fragments


def separate(study: Study) -> dict[str, str]:
    """The tables of gate and health, whose settings stand in their modules; measured where no result is there."""
    modules: dict[str, tuple[Path, Callable[[], Cells], Callable[[Cells], str]]] = {
        "gate": (
            study.out / "gate.json",
            lambda: gate.run(gate.SMALL if study.small else gate.RUNS),
            gate_tables.fragment,
        ),
        "health": (study.out / "results" / "health.json", lambda: health.run(study.small), health_tables.fragment),
    }
    fragments: dict[str, str] = {}
    for mark, (path, measure, fragment) in modules.items():
        if cells := stored(path, measure, wanted=selected(study, mark)):
            fragments[mark] = fragment(cells)
    return fragments


def record_headline(study: Study, seconds: float) -> None:
    """The headline figures as an MLflow run in ``out/``."""
    cells = Results(study.out / "results" / "coverage.json", study.settings["coverage"]).cells()
    numbers = {
        "seconds": seconds,
        "trusted_cells": float(len(cover.trusted(cells))),
        "outside_band": float(len(cover.outside(cells))),
        "betting_least_coverage": min(c["betting"] for c in cells.values() if "logs" in c),
    }
    track(
        study.folder,
        study.out / "out",
        run_name="small" if study.small else "run",
        params={name: json.dumps(settings) for name, settings in study.settings.items()},
        metrics=numbers,
        artifacts={"tables": study.out / README, "figure": study.out / "coverage.png"},
    )


def read_command_line() -> Study:
    options = parser(__doc__, "results/", small="a small setting of each study")
    options.add_argument("--only", choices=[*STUDIES, "gate", "health"], help="one study")
    return read_study(__file__, options)


def main() -> None:
    study, start = read_command_line(), time.perf_counter()
    (study.out / "results").mkdir(exist_ok=True)
    study.write_readme(configured(study, start) | separate(study))
    coverage = Results(study.out / "results" / "coverage.json", study.settings["coverage"])
    draw(coverage.cells(), study.out / "coverage.png")
    if not study.draw:
        record_headline(study, time.perf_counter() - start)


if __name__ == "__main__":
    main()
