"""Which experiment of MLflow a run belongs to."""

from __future__ import annotations

import os
from typing import Any

from tactful.errors import TactfulError
from tactful.tracking.store import SQLITE, sqlite_file, without_password

ARTIFACTS = "mlartifacts"
NAME_VARIABLE = "MLFLOW_EXPERIMENT_NAME"


def experiment_name(default: str) -> str:
    """The experiment that ``MLFLOW_EXPERIMENT_NAME`` asks for, else ``default``."""
    return os.environ.get(NAME_VARIABLE, "").strip() or default


def experiment_id(client: Any, uri: str, name: str) -> str:
    """The id of an experiment, which is created if there is none; its files then stand beside an SQLite file.

    Raises
    ------
    TactfulError
        The experiment was deleted: MLflow keeps its name, and takes no run into it.
    """
    from mlflow.exceptions import MlflowException

    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        beside = (sqlite_file(uri).parent / ARTIFACTS).as_uri() if uri.startswith(SQLITE) else None
        try:
            return client.create_experiment(name, artifact_location=beside)
        except MlflowException:  # another process may have been faster
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                raise
    if experiment.lifecycle_stage == "deleted":
        do = f"restore it (mlflow experiments restore -x {experiment.experiment_id}) or name another in {NAME_VARIABLE}"
        raise TactfulError(f"the experiment {name!r} is deleted", f"MLflow at {without_password(uri)}", do)
    return experiment.experiment_id
