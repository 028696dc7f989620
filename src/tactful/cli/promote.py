"""``tactful promote``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tactful.cli import console as show
from tactful.cli.options import Json
from tactful.errors import SpecError
from tactful.serving.folder import read
from tactful.tracking.experiments import experiment_name
from tactful.tracking.patience import complete_in_time
from tactful.tracking.registry import alias_of, promoting


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("promote")(_promote)


def _promote(
    policy: Annotated[Path, typer.Argument(help="Folder of the policy.")],
    name: Annotated[str, typer.Argument(help="models:/NAME@ALIAS, which services follow.")],
    tracking_uri: Annotated[
        str | None,
        typer.Option("--tracking-uri", envvar="MLFLOW_TRACKING_URI", help="MLflow store with the registry."),
    ] = None,
    json: Json = False,
) -> None:
    """Make a policy the next version of a registered model, and let the alias name it.

    Example: tactful promote policy models:/weekly@live --tracking-uri http://mlflow:5000
    """
    model, alias = alias_of(name)
    found, digest = read(policy)
    if not tracking_uri:
        raise SpecError("no registry", "--tracking-uri", "name it, or set MLFLOW_TRACKING_URI")
    with show.working("promoting", json):
        steps = promoting(tracking_uri, policy, name, experiment=experiment_name("policies"))
        version = complete_in_time(steps, tracking_uri, show.complain)
    if json:
        show.emit({"model": model, "version": version, "alias": alias, "policy": found.version, "sha256": digest})
        return
    show.line(f"{model} version {version} is policy {found.version}; {alias} now names it")
    show.line(f"sha256 {digest} pins it; services that follow {name} take it up")
