"""Posteriors as files: a folder with ``posterior.json``, sealed, and the sums as safetensors. No pickle.

The sums stand in a file named by its own hash, so that a folder always holds one whole posterior: the old one until
``posterior.json`` is replaced, the new one from then on.
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
from tactful.models import saved
from tactful.models.conjugate.posterior import Conjugate, ConjugatePosterior
from tactful.models.contextual.linear import LinearPosterior
from tactful.models.contextual.logistic import LogisticPosterior
from tactful.models.contextual.moments import Moments
from tactful.models.counter import S
from tactful.models.evidence import Evidence
from tactful.models.hierarchical.posterior import Hierarchical, HierarchicalPosterior
from tactful.models.sufficient_statistics import Sums

FORMAT = 1
NAME = "posterior.json"
MAX_BYTES = 4 << 30
AGAIN = "save it again"
_SEAL = re.compile(rb',\n "sha256": "([0-9a-f]{64})"\n}\n\Z')
_tensors: Any = safetensors.numpy

Saved = ConjugatePosterior | HierarchicalPosterior | LinearPosterior | LogisticPosterior


def save(posterior: Saved, folder: str | os.PathLike[str]) -> Path:
    """Write a posterior into a folder; atomic: an older one there is replaced only by a whole one.

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
    head = _head(posterior) | {"files": {name: {"sha256": digest, "bytes": len(raw)}}}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in ((folder / name, raw), (folder / NAME, _sealed(head))):
            with replacing(path) as whole:
                whole.write_bytes(content)
        for old in folder.glob("sums-*.safetensors"):
            if old.name != name:
                old.unlink()
    except OSError as error:
        raise PolicyFormatError(f"cannot be written ({error.strerror})", str(folder), "name a folder") from None
    return folder


def load(folder: str | os.PathLike[str]) -> Saved:
    """Read a posterior: what follows from it, and from its updates, is what would have followed without the file.

    Sizes are checked before memory is taken, and hashes before anything is parsed.

    Raises
    ------
    PolicyFormatError
        No posterior there, or a damaged, newer or inconsistent one: never a different posterior.
    """
    folder = Path(folder)
    where = str(folder / NAME)
    try:
        plain = _unsealed(_read(folder / NAME, MAX_BYTES), where)
        (name, file), *more = plain["files"].items()
        if more or not re.fullmatch(r"sums-[0-9a-f]{16}\.safetensors", name):
            raise PolicyFormatError(f"unexpected files: {list(plain['files'])}", where, AGAIN)
        raw = _read(folder / name, int(file["bytes"]))
        if sha256(raw).hexdigest() != file["sha256"]:
            raise PolicyFormatError("the checksum does not match: the file is damaged", str(folder / name), AGAIN)
        return _build(plain, _tensors.load(raw))
    except PolicyFormatError:
        raise
    except OSError as error:
        raise PolicyFormatError(f"no posterior ({error.strerror})", where, "name a folder that save wrote") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, TactfulError) as error:
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PolicyFormatError(f"not a posterior ({detail})", where, AGAIN) from None


def _arrays(posterior: Saved) -> dict[str, F64 | I64]:
    arrays: dict[str, F64 | I64] = {
        f"{i}/{part}": np.ascontiguousarray(x)
        for i, o in enumerate(posterior.outcomes)
        for part, x in posterior.sums[o]._asdict().items()
    }
    if isinstance(posterior, HierarchicalPosterior):
        arrays |= {f"{i}/theta": posterior.hyperparameters(o) for i, o in enumerate(posterior.outcomes)}
    if isinstance(posterior, LinearPosterior | LogisticPosterior):
        arrays |= saved.arrays(posterior)
    return arrays


def _head(posterior: Saved) -> dict[str, Any]:
    evidence = posterior.evidence
    more = saved.head(posterior) if isinstance(posterior, LinearPosterior | LogisticPosterior) else {}
    return {
        "format": FORMAT,
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
        **more,
    }


def _build(plain: Mapping[str, Any], arrays: Mapping[str, Any]) -> Saved:
    if not all(np.isfinite(x).all() for x in arrays.values()):
        raise ValueError("an array is not finite")
    outcomes = {o: _outcome(spec) for o, spec in plain["outcomes"].items()}
    if plain["model"] in saved.MODELS:
        moments = {o: Moments(*(arrays[f"{i}/{part}"] for part in Moments._fields)) for i, o in enumerate(outcomes)}
        return saved.build(plain, arrays, _evidence(plain, outcomes, moments))
    sums = {o: Sums(*(arrays[f"{i}/{part}"] for part in Sums._fields)) for i, o in enumerate(outcomes)}
    evidence = _evidence(plain, outcomes, sums)
    shape = (len(evidence.segments), evidence.actions.k)
    if any(x.shape != shape or x.dtype != np.float64 for o in sums for x in sums[o]):
        raise ValueError(f"sums are not arrays of {shape[0]} nodes by {shape[1]} actions")
    if plain["model"] == "conjugate":
        return ConjugatePosterior(Conjugate(**plain["options"]), evidence)
    if plain["model"] != "hierarchical":
        raise ValueError(f"unknown model {plain['model']!r}")
    known = {o: arrays[f"{i}/theta"] for i, o in enumerate(outcomes)}
    sizes = {o: float(plain["tuned_at"][o]) for o in outcomes}
    return HierarchicalPosterior(Hierarchical(**plain["options"]), evidence, known=known, tuned_at=sizes)


def _evidence(plain: Mapping[str, Any], outcomes: Mapping[str, Outcome], sums: Mapping[str, S]) -> Evidence[S]:
    segments = Segments.of(plain["segments"])
    if list(segments.paths) != plain["segments"]:
        raise ValueError("the segments are not a tree in order")
    return Evidence(
        ActionSpace.from_json(plain["actions"]),
        segments,
        outcomes,
        sums,
        plain["watermarks"],
        Lineage(**plain["lineage"]),
        plain["half_life_days"],
        plain["reference_us"],
    )


def _outcome(plain: Mapping[str, Any]) -> Outcome:
    options: dict[str, Any] = {**plain, "range": None if plain["range"] is None else tuple(plain["range"])}
    return Outcome(**options)


def _sealed(plain: Mapping[str, Any]) -> bytes:
    """JSON whose last member is the sha256 of every byte before it."""
    body = ",\n ".join(f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in plain.items())
    head = ("{\n " + body).encode()
    return head + f',\n "sha256": "{sha256(head).hexdigest()}"\n}}\n'.encode()


def _unsealed(raw: bytes, where: str) -> dict[str, Any]:
    seal = _SEAL.search(raw)
    if not seal or sha256(raw[: seal.start()]).hexdigest().encode() != seal.group(1):
        raise PolicyFormatError("the checksum does not match: the file is damaged or was edited", where, AGAIN)
    plain: dict[str, Any] = json.loads(raw)
    if plain["format"] != FORMAT:
        do = "update tactful" if plain["format"] > FORMAT else "save the posterior again"
        raise PolicyFormatError(f"format {plain['format']}; this tactful reads {FORMAT}", where, do)
    return plain


def _read(path: Path, most: int) -> bytes:
    size = path.stat().st_size
    if size > most:
        raise PolicyFormatError(f"{size:,} bytes where at most {most:,} are expected", str(path), AGAIN)
    return path.read_bytes()
