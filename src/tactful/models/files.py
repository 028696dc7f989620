"""Posteriors as files: a folder with ``posterior.json``, which is sealed, and the sums as safetensors. No pickle.

The file of the sums is named by its own hash, so that a folder always holds one whole posterior: the old one until
``posterior.json`` is replaced, and the new one from then on.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from tactful.core.actions import ActionSpace
from tactful.core.arrays import F64, I64
from tactful.core.files import replacing
from tactful.core.lineage import Lineage
from tactful.core.outcomes import Outcome
from tactful.core.segments import Segments
from tactful.errors import PolicyFormatError, TactfulError
from tactful.models.conjugate.posterior import Conjugate, ConjugatePosterior
from tactful.models.contextual.files import CONTEXTUAL_MODELS, from_members, to_arrays, to_members
from tactful.models.contextual.linear import LinearPosterior
from tactful.models.contextual.logistic import LogisticPosterior
from tactful.models.contextual.moments import ContextMoments
from tactful.models.evidence import Evidence
from tactful.models.hierarchical.posterior import Hierarchical, HierarchicalPosterior
from tactful.models.sufficient_statistics import CellSums, S

POSTERIOR_FORMAT = 1
POSTERIOR_FILE = "posterior.json"
MAX_POSTERIOR_BYTES = 4 << 30
SAVE_AGAIN = "save it again"
_SEAL = re.compile(rb',\n "sha256": "([0-9a-f]{64})"\n}\n\Z')
_tensors: Any = safetensors.numpy

SavedPosterior = ConjugatePosterior | HierarchicalPosterior | LinearPosterior | LogisticPosterior
"""A posterior that can be saved."""


def save(posterior: SavedPosterior, folder: str | os.PathLike[str]) -> Path:
    """Write a posterior into a folder. This is atomic: an older posterior there is replaced only by a whole one.

    Parameters
    ----------
    posterior
        Of any of the four models.
    folder
        Is made where it does not exist.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    PolicyFormatError
        The folder's path is a file or cannot be written.
    """
    folder = Path(folder)
    arrays = _arrays(posterior)
    raw: bytes = _tensors.save(arrays)
    digest = sha256(raw).hexdigest()
    name = f"sums-{digest[:16]}.safetensors"
    members = _members(posterior) | {"files": {name: {"sha256": digest, "bytes": len(raw)}}}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in ((folder / name, raw), (folder / POSTERIOR_FILE, _sealed(members))):
            with replacing(path) as temporary:
                temporary.write_bytes(content)
        for old in folder.glob("sums-*.safetensors"):
            if old.name != name:
                old.unlink()
    except OSError as error:
        raise PolicyFormatError(f"cannot be written ({error.strerror})", str(folder), "name a folder") from None
    return folder


def load(folder: str | os.PathLike[str]) -> SavedPosterior:
    """Read a posterior: what follows from it, and from its updates, is what would have followed without the file.

    Sizes are checked before memory is taken, and hashes before anything is parsed.

    Raises
    ------
    PolicyFormatError
        No posterior there, or a damaged, newer or inconsistent one: never a different posterior.
    """
    folder = Path(folder)
    where = str(folder / POSTERIOR_FILE)
    try:
        members = _unsealed(_read(folder / POSTERIOR_FILE, MAX_POSTERIOR_BYTES), where)
        (name, file), *surplus = members["files"].items()
        if surplus or not re.fullmatch(r"sums-[0-9a-f]{16}\.safetensors", name):
            raise PolicyFormatError(f"unexpected files: {list(members['files'])}", where, SAVE_AGAIN)
        raw = _read(folder / name, int(file["bytes"]))
        if sha256(raw).hexdigest() != file["sha256"]:
            raise PolicyFormatError("the checksum does not match: the file is damaged", str(folder / name), SAVE_AGAIN)
        return _build(members, _tensors.load(raw))
    except PolicyFormatError:
        raise
    except OSError as error:
        raise PolicyFormatError(f"no posterior ({error.strerror})", where, "name a folder that save wrote") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, TactfulError) as error:
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PolicyFormatError(f"not a posterior ({detail})", where, SAVE_AGAIN) from None


def _arrays(posterior: SavedPosterior) -> dict[str, F64 | I64]:
    """The arrays of a posterior; outcomes are numbered in order."""
    arrays: dict[str, F64 | I64] = {
        f"{i}/{name}": np.ascontiguousarray(x)
        for i, o in enumerate(posterior.outcomes)
        for name, x in posterior.sums[o]._asdict().items()
    }
    if isinstance(posterior, HierarchicalPosterior):
        arrays |= {f"{i}/theta": posterior.hyperparameters(o) for i, o in enumerate(posterior.outcomes)}
    if isinstance(posterior, LinearPosterior | LogisticPosterior):
        arrays |= to_arrays(posterior)
    return arrays


def _members(posterior: SavedPosterior) -> dict[str, Any]:
    """The members of ``posterior.json``."""
    evidence = posterior.evidence
    contextual = to_members(posterior) if isinstance(posterior, LinearPosterior | LogisticPosterior) else {}
    return {
        "format": POSTERIOR_FORMAT,
        "model": posterior.model.name,
        "options": asdict(posterior.model),
        "actions": evidence.actions.to_json(),
        "segments": list(evidence.segments.paths),
        "outcomes": {o: asdict(spec) for o, spec in evidence.outcomes.items()},
        "watermarks": dict(evidence.watermarks),
        "lineage": asdict(evidence.lineage),
        "half_life_days": evidence.half_life_days,
        "reference_us": evidence.reference_us,
        "tuned_at": posterior.sizes if isinstance(posterior, HierarchicalPosterior) else {},
        **contextual,
    }


def _build(members: Mapping[str, Any], arrays: Mapping[str, Any]) -> SavedPosterior:
    """The posterior of the members and arrays of a file; errors of any kind say that they do not fit together."""
    if not all(np.isfinite(x).all() for x in arrays.values()):
        raise ValueError("an array is not finite")
    outcomes = {o: _outcome(spec) for o, spec in members["outcomes"].items()}
    if members["model"] in CONTEXTUAL_MODELS:
        fields = ContextMoments._fields
        moments = {o: ContextMoments(*(arrays[f"{i}/{name}"] for name in fields)) for i, o in enumerate(outcomes)}
        return from_members(members, arrays, _evidence(members, outcomes, moments))
    sums = {o: CellSums(*(arrays[f"{i}/{name}"] for name in CellSums._fields)) for i, o in enumerate(outcomes)}
    evidence = _evidence(members, outcomes, sums)
    shape = (len(evidence.segments), evidence.actions.k)
    if any(x.shape != shape or x.dtype != np.float64 for o in sums for x in sums[o]):
        raise ValueError(f"sums are not arrays of {shape[0]} nodes by {shape[1]} actions")
    if members["model"] == "conjugate":
        return ConjugatePosterior(Conjugate(**members["options"]), evidence)
    if members["model"] != "hierarchical":
        raise ValueError(f"unknown model {members['model']!r}")
    theta = {o: arrays[f"{i}/theta"] for i, o in enumerate(outcomes)}
    sizes = {o: float(members["tuned_at"][o]) for o in outcomes}
    return HierarchicalPosterior(Hierarchical(**members["options"]), evidence, theta=theta, tuned_at=sizes)


def _evidence(members: Mapping[str, Any], outcomes: Mapping[str, Outcome], sums: Mapping[str, S]) -> Evidence[S]:
    segments = Segments.of(members["segments"])
    if list(segments.paths) != members["segments"]:
        raise ValueError("the segments are not a tree in order")
    return Evidence(
        actions=ActionSpace.from_json(members["actions"]),
        segments=segments,
        outcomes=outcomes,
        sums=sums,
        watermarks=members["watermarks"],
        lineage=Lineage(**members["lineage"]),
        half_life_days=members["half_life_days"],
        reference_us=members["reference_us"],
    )


def _outcome(members: Mapping[str, Any]) -> Outcome:
    options: dict[str, Any] = {**members, "range": None if members["range"] is None else tuple(members["range"])}
    return Outcome(**options)


def _sealed(members: Mapping[str, Any]) -> bytes:
    """JSON whose last member is the sha256 of every byte before it."""
    lines = ",\n ".join(f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in members.items())
    body = ("{\n " + lines).encode()
    return body + f',\n "sha256": "{sha256(body).hexdigest()}"\n}}\n'.encode()


def _unsealed(raw: bytes, where: str) -> dict[str, Any]:
    """The members of sealed JSON, refused where the seal is broken or the format is another."""
    seal = _SEAL.search(raw)
    if not seal or sha256(raw[: seal.start()]).hexdigest().encode() != seal.group(1):
        raise PolicyFormatError("the checksum does not match: the file is damaged or was edited", where, SAVE_AGAIN)
    members: dict[str, Any] = json.loads(raw)
    if members["format"] != POSTERIOR_FORMAT:
        do = "update tactful" if members["format"] > POSTERIOR_FORMAT else "save the posterior again"
        raise PolicyFormatError(f"format {members['format']}; this tactful reads {POSTERIOR_FORMAT}", where, do)
    return members


def _read(path: Path, limit_bytes: int) -> bytes:
    """The content of a file, refused where it is larger than it may be."""
    size = path.stat().st_size
    if size > limit_bytes:
        raise PolicyFormatError(f"{size:,} bytes where at most {limit_bytes:,} are expected", str(path), SAVE_AGAIN)
    return path.read_bytes()
