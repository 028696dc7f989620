"""The models by name, and what ``fit`` says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tactful.cli.console import complain
from tactful.errors import SpecError
from tactful.models.conjugate.posterior import Conjugate, ConjugatePosterior
from tactful.models.contextual.linear import Linear, LinearPosterior
from tactful.models.contextual.logistic import Logistic, LogisticPosterior
from tactful.models.hierarchical.posterior import Hierarchical, HierarchicalPosterior

Model = Hierarchical | Conjugate | Linear | Logistic
Fitted = HierarchicalPosterior | ConjugatePosterior | LinearPosterior | LogisticPosterior
CONTEXTUAL = {"linear": Linear, "logistic": Logistic}
MANY_ACTIONS = 200  # with 20,000 decisions, 200 take 10 s of computing, and 1,000 more than three minutes
MODELS = {"hierarchical": Hierarchical, "conjugate": Conjugate, **CONTEXTUAL}


def model_of(name: str, half_life: float | None, *, pooled: bool, action_features: bool) -> Model:
    """The model that the options of the command line ask for.

    Raises
    ------
    SpecError
        An unknown name, or an option that the model does not have.
    """
    if name not in MODELS:
        raise SpecError(f"unknown model {name!r}", "--model", f"choose one of {', '.join(MODELS)}")
    if name in CONTEXTUAL:
        return CONTEXTUAL[name](pooled=pooled, action_features=action_features, half_life_days=half_life)
    for asked, option in ((pooled, "--pooled"), (action_features, "--action-features")):
        if asked:
            raise SpecError(f"the {name} model has no such option", option, "add --model linear or --model logistic")
    return MODELS[name](half_life_days=half_life)


def announce_size(name: str, option: str, actions: int) -> None:
    """Say before a fit that it may take minutes, where so many actions share what they learn."""
    if name == "hierarchical" and actions > MANY_ACTIONS:
        complain(
            f"the hierarchical model learns how {actions:,} actions go together, which may take minutes: its work "
            f"grows much faster than their number; {option} conjugate learns each on its own, in seconds"
        )


def remarks(posterior: Fitted) -> dict[str, Any]:
    """What there is to say of features and of rounding in a contextual fit; nothing for other models."""
    if not isinstance(posterior, LinearPosterior | LogisticPosterior):
        return {}
    return {
        "features": list(posterior.features.names),
        "redundant_features": list(posterior.redundant),
        "repaired": {o: posterior.repaired(o) for o in posterior.outcomes},
    }


def warnings(summary: Mapping[str, Any]) -> list[str]:
    """Lines for people, from the :func:`remarks` in a summary."""
    lines: list[str] = []
    if redundant := summary.get("redundant_features"):
        say = "adds" if len(redundant) == 1 else "add"
        lines.append(
            f"warning: {', '.join(redundant)} {say} nothing to the features before: constant, or linear in them"
        )
    for outcome, count in summary.get("repaired", {}).items():
        if count:
            lines.append(f"warning: {count} pivots in the model of {outcome} were lost to rounding, and lifted")
    return lines
