"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Log = Annotated[Path, typer.Argument(help="Decision log: .parquet, .csv, .csv.gz, .ndjson, or a folder of Parquet.")]
Spec = Annotated[Path, typer.Option("--spec", help="LogSpec (TOML): which columns hold what.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of tables.")]
Tracking = Annotated[
    str | None,
    typer.Option("--tracking-uri", envvar="MLFLOW_TRACKING_URI", help="MLflow store to record this run in."),
]
