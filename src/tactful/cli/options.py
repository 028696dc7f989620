"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Log = Annotated[Path, typer.Argument(help="Decision log: .parquet, .csv, .csv.gz, .ndjson, or a folder of Parquet.")]
Spec = Annotated[Path, typer.Option("--spec", help="LogSpec (TOML): which columns hold what.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same result.", min=0, max=2**63 - 1)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines instead of tables.")]
Tracking = Annotated[
    str | None,
    typer.Option("--tracking-uri", envvar="MLFLOW_TRACKING_URI", help="MLflow store to record this run in."),
]
