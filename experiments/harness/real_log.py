"""What the experiments on real logs share: they read one file, print their tables and record them."""

from __future__ import annotations

import argparse
import csv
import gzip
import io
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


def source_and_log(description: str | None, source: str) -> tuple[Path, Path]:
    """The two paths of a script that makes a log: the source, which is there already, and the log.

    Raises
    ------
    SystemExit
        The source is not there.
    """
    options = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    options.add_argument("source", type=Path, help=source)
    options.add_argument("log", type=Path, help="the log to write, .csv.gz")
    paths = options.parse_args()
    if not paths.source.exists():
        raise SystemExit(f"{paths.source}: no such source; download it first, the README says where from")
    return paths.source, paths.log


def refuse_columns(source: Path, columns: Iterable[str], needed: Iterable[str]) -> None:
    """Stop where a source lacks columns.

    Raises
    ------
    SystemExit
        One line with the columns that are missing.
    """
    if missing := sorted(set(needed) - set(columns)):
        raise SystemExit(f"{source}: no column {', '.join(missing)}; give the source that the README names")


def write_rows(path: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> int:
    """Write a compressed CSV file whose bytes depend on its rows alone; returns the number of rows."""
    count = 0
    with path.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        text = io.TextIOWrapper(packed, encoding="utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow(row)
            count += 1
        text.flush()
        text.detach()
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
