"""Policies in the MLflow registry: a version is a policy folder, pinned by the sha256 of its ``policy.json``."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

from tactful.errors import PolicyFormatError, SpecError, TactfulError
from tactful.serving.folder import digest_of, read
from tactful.tracking.mlflow_run import client_of, connecting, recording, refusals
from tactful.tracking.patience import Steps, complete, patience_for

PREFIX = "models:/"
DIGEST = "sha256"
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Pinned(NamedTuple):
    """What is published: the sha256 of its ``policy.json``, and where its files are."""

    sha256: str
    where: str


def alias_of(name: str) -> tuple[str, str]:
    """Model and alias of ``models:/NAME@ALIAS``.

    Raises
    ------
    SpecError
        It is written otherwise.

    Examples
    --------
    >>> alias_of("models:/weekly@live")
    ('weekly', 'live')
    """
    model, at, alias = name.removeprefix(PREFIX).rpartition("@")
    if not name.startswith(PREFIX) or not at or not model or not alias or "/" in model:
        raise SpecError(f"not an alias of a registry: {name!r}", do="write it as models:/NAME@ALIAS")
    return model, alias


def promote(uri: str, folder: Path, name: str, *, experiment: str = "policies") -> str:
    """Make a policy folder a new version of a registered model, and let the alias name it.

    Parameters
    ----------
    uri
        Tracking URI, such as ``default_uri(folder)``; its registry is used.
    folder
        What ``tactful.save`` wrote; it is loaded first, so that nothing damaged is ever promoted.
    name
        ``models:/NAME@ALIAS``; the model is created if need be.

    Returns
    -------
    str
        The number of the version.

    Raises
    ------
    PolicyFormatError
        The folder holds no sound policy.
    TactfulError
        The store refuses.
    """
    return complete(promoting(uri, folder, name, experiment=experiment))


def promoting(uri: str, folder: Path, name: str, *, experiment: str) -> Steps[str]:
    """The steps of :func:`promote`, each preceded by the seconds that it may take.

    Parameters
    ----------
    uri, folder, name, experiment
        As :func:`promote` takes them.

    Yields
    ------
    float
        Seconds that the next request to the store may take.

    Returns
    -------
    str
        The number of the version.

    Raises
    ------
    PolicyFormatError
        The folder holds no sound policy.
    TactfulError
        The store refuses; where a version was made already, the error names it.
    """
    model, alias = alias_of(name)
    policy, digest = read(folder)
    tags = {DIGEST: digest, "policy": policy.version}
    patience = patience_for(uri)
    run = yield from recording(
        uri,
        experiment=experiment,
        run_name=f"{model} {policy.version}",
        params={},
        metrics={},
        tags=tags,
        artifacts={"policy": folder},
    )
    client = yield from connecting(uri)
    with refusals(uri):
        yield patience
        if not client.search_registered_models(f"name = '{model}'"):
            client.create_registered_model(model)
        yield patience
        source = f"{client.get_run(run).info.artifact_uri}/policy"
        yield patience
        version = str(client.create_model_version(model, source, run_id=run, tags=tags).version)
    try:
        with refusals(uri):
            yield patience
            client.set_registered_model_alias(model, alias, version)
    except TactfulError as error:
        what = f"version {version} of {model} is registered, but {alias} does not name it: {error.what}"
        raise TactfulError(what, error.where, "promote it again") from error
    return version


def pinned(uri: str, model: str, alias: str) -> Pinned:
    """The version that an alias names.

    Raises
    ------
    TactfulError
        The registry refuses or is down, or has no such model or alias.
    PolicyFormatError
        The version has no sha256.
    """
    client = client_of(uri)
    with refusals(uri):
        version = client.get_model_version_by_alias(model, alias)
    digest = version.tags.get(DIGEST, "")
    if not _DIGEST.fullmatch(digest):
        where = f"{PREFIX}{model}@{alias}, version {version.version}"
        raise PolicyFormatError("no tag sha256 pins this version", where, "promote it with tactful promote")
    return Pinned(digest, f"{model}/{version.version}")


def fetch(uri: str, found: Pinned, folder: Path) -> None:
    """Download a version into a folder: whole and as pinned, or not at all.

    Raises
    ------
    TactfulError
        The registry refuses or is down.
    PolicyFormatError
        What came is not as pinned.
    """
    client = client_of(uri)
    from mlflow.artifacts import download_artifacts

    model, _, version = found.where.rpartition("/")
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(mkdtemp(prefix=".fetch-", dir=folder.parent))
    try:
        with refusals(uri):
            source = client.get_model_version_download_uri(model, version)
            download_artifacts(source, dst_path=str(part), tracking_uri=uri)
        arrived = next((p.parent for p in part.rglob("policy.json")), part)
        if digest_of(arrived) != found.sha256:
            raise PolicyFormatError("it is not as pinned", found.where, "do not use this version")
        shutil.rmtree(folder, ignore_errors=True)
        arrived.replace(folder)
    except OSError as error:
        raise TactfulError(f"cannot be kept ({error.strerror})", str(folder), "name a folder for the cache") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
