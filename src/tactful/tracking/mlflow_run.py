"""One evaluation as one MLflow run: the only module that imports mlflow, and only when it is called.

Everything goes through a client of its own: the caller's tracking URI, experiment and active run stay as they are.
"""

from __future__ import annotations

import gc
import logging
import math
import os
import re
import sqlite3
import time
import warnings
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from tactful.errors import TactfulError, first, missing_extra
from tactful.tracking.experiments import experiment_id
from tactful.tracking.patience import Steps, complete, patience_for
from tactful.tracking.store import DATABASES, SQLITE, scheme_of, sqlite_file, without_password

LONGEST = 6000  # characters of a parameter, or of a tag; MLflow refuses more
LONGEST_NAME = 250
BATCH = {"metrics": 1000, "params": 100, "tags": 100}
UPLOAD_S = 60.0  # for the files of one artifact
LOCKED_S = 2.0  # for which a database of SQLite may be locked by another process
STORES = ("mlflow", "sqlalchemy", "sqlite3")  # whose exceptions are refusals; those of requests are OSErrors
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # stdout belongs to the results
}
RETRYING = ("mlflow.store.db.utils", "urllib3.connectionpool", "mlflow.utils.rest_utils")  # say every try
NOT_FINITE = "metrics_not_finite"
_ODD = re.compile(r"[^\w.\- ]")


def default_uri(folder: Path) -> str:
    """The tracking URI of an SQLite file in a folder.

    >>> default_uri(Path("/srv/demo"))
    'sqlite:////srv/demo/mlflow.db'
    """
    return f"{SQLITE}{(folder.absolute() / 'mlflow.db').as_posix()}"


def metric_name(policy: str, outcome: str, estimator: str, field: str) -> str:
    """The name of one number of an evaluation, in characters that MLflow takes on every system.

    >>> metric_name("always:3x@08:00", "engaged", "snips", "value")
    'always_3x_08_00/engaged/snips/value'
    """
    return "/".join(_part(p) for p in (policy, outcome, estimator, field))


def record(
    uri: str,
    *,
    experiment: str,
    run_name: str,
    params: Mapping[str, object],
    metrics: Mapping[str, float | None],
    tags: Mapping[str, str],
    artifacts: Mapping[str, Path],
) -> str:
    """Write one finished run.

    Parameters
    ----------
    uri
        Tracking URI. The artifacts of a new experiment in an SQLite file go to ``mlartifacts`` beside that file.
    experiment, run_name
        The experiment is created if need be.
    params
        Stored as text, cut at 6000 characters.
    metrics
        None, NaN and infinite values are left out and named in the tag ``metrics_not_finite``.
    tags
        Stored as they are, cut at 6000 characters.
    artifacts
        Files and folders by the folder of the run that they go to; ``""`` is the run's root. The contents of a folder
        are stored, without its name.

    Returns
    -------
    str
        The id of the run.

    Raises
    ------
    MissingExtraError
        mlflow is not installed.
    TactfulError
        An artifact is missing, or the store refuses; a run that was begun is then marked as failed.
    """
    steps = recording(
        uri, experiment=experiment, run_name=run_name, params=params, metrics=metrics, tags=tags, artifacts=artifacts
    )
    return complete(steps)


def recording(
    uri: str,
    *,
    experiment: str,
    run_name: str,
    params: Mapping[str, object],
    metrics: Mapping[str, float | None],
    tags: Mapping[str, str],
    artifacts: Mapping[str, Path],
) -> Steps[str]:
    """The steps of :func:`record`, each preceded by the seconds that it may take.

    Parameters
    ----------
    uri
        Tracking URI.
    experiment, run_name, params, metrics, tags, artifacts
        As :func:`record` takes them.

    Yields
    ------
    float
        Seconds that the next request to the store may take.

    Returns
    -------
    str
        The id of the run.

    Raises
    ------
    MissingExtraError
        mlflow is not installed.
    TactfulError
        An artifact is missing, or the store refuses; a run that was begun is then marked as failed.
    """
    if absent := [str(p) for p in artifacts.values() if not p.exists()]:
        raise TactfulError(f"no such artifact: {first(absent)}", "tracking", "write it before the run is recorded")
    patience = patience_for(uri)
    client = yield from connecting(uri)
    with refusals(uri), _silence(*RETRYING):
        yield patience
        where = experiment_id(client, uri, experiment)
        yield patience
        run = client.create_run(where, run_name=run_name).info.run_id
        try:
            yield from _logging(client, run, params, metrics, tags, patience)
            for folder, path in artifacts.items():
                yield max(patience, UPLOAD_S)
                log = client.log_artifacts if path.is_dir() else client.log_artifact
                log(run, str(path), folder or None)
        except BaseException:
            with suppress(Exception):  # what went wrong before is what the caller wants to know
                client.set_terminated(run, "FAILED")
            raise
        yield patience
        client.set_terminated(run)
    return run


def _part(text: str) -> str:
    """One part of a name: never empty, and no step in a path."""
    part = _ODD.sub("_", text)
    return part if part.strip(". ") else "_" * max(len(part), 1)


def _name(text: str) -> str:
    """A name that may have parts."""
    return "/".join(_part(p) for p in text.split("/"))[:LONGEST_NAME]


def _cut(value: object) -> str:
    """A value as text, with what was left out said at its end."""
    text = str(value)
    note = f"… ({len(text)} characters)"
    return text if len(text) <= LONGEST else text[: LONGEST - len(note)] + note


def client_of(uri: str) -> Any:
    """An MLflow client, silent about telemetry and migrations."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    MlflowClient = load_client()
    with refusals(uri), _no_collection(), _silence(*RETRYING, "alembic"), warnings.catch_warnings():
        # MLflow 3.17 maps a table as SQLAlchemy 2.1 no longer likes: where warnings are errors it could not start.
        warnings.filterwarnings("ignore", "The ``noload`` loader strategy", DeprecationWarning)
        if uri.startswith(SQLITE):
            _check_sqlite(sqlite_file(uri))
        return MlflowClient(tracking_uri=uri)


def load_client() -> Any:
    """The class of clients; MLflow is imported when it is first needed.

    Raises
    ------
    MissingExtraError
        mlflow is not installed.
    """
    try:
        with _no_collection():
            from mlflow.tracking import MlflowClient
    except ImportError as error:
        raise missing_extra("mlflow", "tracking") from error
    return MlflowClient


def connecting(uri: str) -> Steps[Any]:
    """The steps of :func:`client_of`: a client connects to a database when it is made, to a server later."""
    if scheme_of(uri) in DATABASES:
        load_client()  # the import is not the store's time
        yield patience_for(uri)
    return client_of(uri)


def _check_sqlite(path: Path) -> None:
    """Refuse at once a file that cannot be written: MLflow would try ten times, for minutes."""
    if path.name == ":memory:":
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=LOCKED_S, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("SELECT count(*) FROM sqlite_master")
        connection.execute("ROLLBACK")


def _logging(
    client: Any,
    run: str,
    params: Mapping[str, object],
    metrics: Mapping[str, float | None],
    tags: Mapping[str, str],
    patience: float,
) -> Steps[None]:
    """Params, metrics and tags, in batches of the size that MLflow takes."""
    from mlflow.entities import Metric, Param, RunTag

    now = time.time_ns() // 1_000_000
    finite = {m: float(v) for m, v in metrics.items() if v is not None and math.isfinite(v)}
    said = dict(tags)
    if odd := [m for m in metrics if m not in finite]:
        said[NOT_FINITE] = ", ".join(odd)
    entries: dict[str, list[Any]] = {
        "metrics": [Metric(_name(m), v, now, 0) for m, v in finite.items()],
        "params": [Param(_name(p), _cut(v)) for p, v in params.items()],
        "tags": [RunTag(_name(t), _cut(v)) for t, v in said.items()],
    }
    for kind, items in entries.items():
        for at in range(0, len(items), BATCH[kind]):
            yield patience
            client.log_batch(run, **{kind: items[at : at + BATCH[kind]]})


@contextmanager
def refusals(uri: str) -> Generator[None]:
    """Refusals of MLflow and of what stores for it as the project's error; passwords in the URI are not repeated."""
    try:
        yield
    except Exception as error:
        driver = isinstance(error, ImportError) and not isinstance(error, TactfulError)  # of a database
        if not driver and not isinstance(error, OSError) and type(error).__module__.partition(".")[0] not in STORES:
            raise
        what = (str(error).strip().splitlines() or [type(error).__name__])[0]
        do = "check the tracking URI and the experiment"
        raise TactfulError(what, f"MLflow at {without_password(uri)}", do) from error


@contextmanager
def _no_collection() -> Generator[None]:
    """Pause the cyclic garbage collector: it takes a fifth of the import and finds nothing."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextmanager
def _silence(*names: str) -> Generator[None]:
    """Only errors of these loggers."""
    loggers = [logging.getLogger(n) for n in names]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
