"""One MLflow run for what an experiment has published."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import tactful as tt
from harness.study import CONFIG, Study
from harness.tables import Table, markdown, metrics
from tactful.tracking import default_uri, record


def track(
    folder: Path,
    store: Path,
    *,
    params: Mapping[str, object],
    metrics: Mapping[str, float | None],
    artifacts: Mapping[str, Path],
    run_name: str = "tables",
) -> str:
    """Record one run of the experiment in ``folder``, and return its id.

    Parameters
    ----------
    folder
        The numbered folder: its name is the MLflow experiment, and its ``config.toml`` is kept with the run.
    store
        Folder of the SQLite file that is written to unless ``MLFLOW_TRACKING_URI`` names another store.
    params, metrics
        The settings, and the headline numbers.
    artifacts
        Files beside ``config.toml``, by the folder of the run that they go to.
    run_name
        The run's name within the experiment.
    """
    return record(
        default_uri(store),
        experiment=folder.name,
        run_name=run_name,
        params=params,
        metrics=metrics,
        tags={"tactful_version": tt.__version__},
        artifacts={"config": folder / CONFIG, **artifacts},
    )


def publish(study: Study, tables: list[Table], runs: Path, params: Mapping[str, object]) -> None:
    """Write the tables into the README, record them, and print them."""
    study.write_readme({"tables": markdown(tables)})
    run = track(study.folder, study.out / "out", params=params, metrics=metrics(tables), artifacts={"runs": runs})
    print(markdown(tables))
    print(f"recorded as run {run} in out/mlflow.db")
