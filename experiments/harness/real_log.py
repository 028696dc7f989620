"""What the experiments on real logs share: they read one file, print their tables and record them."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.study import read_config
from harness.tables import Table, metrics
from harness.tracked import track

MakeTables = Callable[[Path, Mapping[str, Any]], Iterable[Table]]
PARAMS = ("log", "policy", "baseline")


def main(script: str, tables: MakeTables) -> None:
    """Print and record every table of an experiment, or say that its log is not there.

    ``tables`` is given the path of the log and the configuration, whose paths are relative to the root of the
    repository.
    """
    folder = Path(script).resolve().parent
    root, config = folder.parents[1], read_config(folder)
    path = root / config["log"]
    if not path.exists():
        print(f"{folder.name}: no {config['log']} beside this repository; nothing was run")
        return
    published = list(tables(path, config))
    for table in published:
        print(table.markdown())
    run = track(
        folder,
        folder / "out",
        params={name: config[name] for name in PARAMS if name in config},
        metrics=metrics(published),
        artifacts={"spec": root / config["spec"]} if "spec" in config else {},
    )
    print(f"recorded as run {run} in {(folder / 'out').relative_to(root)}/mlflow.db")


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    """The rows of a compressed CSV file, without tactful: for checks by hand."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def write_rows(path: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> int:
    """Write a compressed CSV file whose bytes depend on its rows alone; returns the number of rows."""
    count = 0
    with path.open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
        packed.write((",".join(columns) + "\n").encode())
        for row in rows:
            packed.write((",".join(str(cell) for cell in row) + "\n").encode())
            count += 1
    return count


def cell(entry: Any, scale: float = 1, digits: int = 4) -> str:
    """An estimate with its interval; a dash where it is refused."""
    if entry.value is None:
        return "–"
    if entry.low is None:
        return f"{scale * entry.value:.{digits}f}"
    return interval(entry.value, entry.low, entry.high, scale, digits)


def interval(value: float, low: float, high: float, scale: float = 1, digits: int = 4) -> str:
    """A value with the ends of its interval."""
    return f"{scale * value:.{digits}f} [{scale * low:.{digits}f}, {scale * high:.{digits}f}]"
