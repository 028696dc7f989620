"""Parts of one log whose types differ: what they have in common without loss, and what they do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import polars as pl

from tactful.errors import LogError

# Above it, not every whole number is a float.
LARGEST_EXACT = 2**53 - 1
# What a column means where a whole file lacks it, for those that a part may lack too.
ABSENT_VALUES = {"arm": "policy", "segment": ""}
NUMBER_KINDS = ("whole numbers", "numbers with a decimal point")
INSTANT_FORMAT, NAIVE_FORMAT, DATE_FORMAT = "%Y-%m-%dT%H:%M:%S%.6fZ", "%Y-%m-%dT%H:%M:%S%.6f", "%Y-%m-%d"


@dataclass(frozen=True, slots=True)
class PartConflicts:
    """What the parts of a folder do not have in common; nothing of a single file."""

    clashes: Mapping[str, str] = field(default_factory=dict[str, str])
    """Columns whose types differ with loss, and where."""
    lacking: Mapping[str, str] = field(default_factory=dict[str, str])
    """Columns that some parts do not have, and which parts."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a folder."""

    path: Path
    """The file."""
    name: str
    """Its place in the folder, as messages name it."""
    schema: pl.Schema
    """The types of its columns, with the keys of its folder."""


def read_parts(folder: Path, files: Sequence[Path], keys: pl.Schema) -> list[Part]:
    """The parts of a folder with their types.

    Raises
    ------
    LogError
        A file is empty.
    """
    parts: list[Part] = []
    for path in files:
        if not path.stat().st_size:
            raise LogError("the file is empty", str(path), "write the log again")
        schema = pl.Schema({**pl.read_parquet_schema(path), **keys})
        parts.append(Part(path, str(path.relative_to(folder)), schema))
    return parts


def merge_parts(parts: Sequence[Part], keys: pl.Schema) -> tuple[pl.LazyFrame, PartConflicts]:
    """All parts as one frame: one scan where their types are alike, and casts without loss where they are not.

    Columns that differ with loss are left out of the frame.
    """
    if all(list(part.schema.items()) == list(parts[0].schema.items()) for part in parts):
        return _scan_files(parts, keys), PartConflicts()
    names = dict.fromkeys(name for part in parts for name in part.schema)
    targets: dict[str, pl.DataType] = {}
    clashes: dict[str, str] = {}
    for name in names:
        merged = _find_target(name, [part for part in parts if name in part.schema])
        if isinstance(merged, str):
            clashes[name] = merged
        else:
            targets[name] = merged
    runs = [list(run) for _, run in groupby(parts, key=lambda part: list(part.schema.items()))]
    frames = [
        _scan_files(run, keys).select(_convert(run[0].schema, name, target) for name, target in targets.items())
        for run in runs
    ]
    return pl.concat(frames), PartConflicts(clashes, _find_lacking(parts, tuple(names)))


def _scan_files(parts: Sequence[Part], keys: pl.Schema) -> pl.LazyFrame:
    files = [part.path for part in parts]
    return pl.scan_parquet(files, hive_partitioning=bool(keys), hive_schema=dict(keys) if keys else None, glob=False)


def _find_lacking(parts: Sequence[Part], names: Sequence[str]) -> dict[str, str]:
    """Which parts do not have a column, in words."""
    lacking: dict[str, str] = {}
    for name in names:
        without = [part.name for part in parts if name not in part.schema]
        if without:
            lacking[name] = without[0] + f" and {len(without) - 1} more" * (len(without) > 1)
    return lacking


def _find_target(name: str, parts: Sequence[Part]) -> pl.DataType | str:
    """The type that holds a column of all parts without loss, or in words where there is none.

    Parameters
    ----------
    name
        The column.
    parts
        The parts that have it.
    """
    target = find_common_type([part.schema[name] for part in parts])
    if target is None or not _holds_numbers(target):
        return target if target is not None else _describe_clash(name, parts)
    if len({_element(part.schema[name]) for part in parts} - {pl.Null()}) == 1:
        return target
    return _find_number_target(name, parts, target)


def _find_number_target(name: str, parts: Sequence[Part], target: pl.DataType) -> pl.DataType | str:
    """The type of numbers by their values: whole numbers where all are whole, floats where all are exact as floats.

    Parameters
    ----------
    name
        The column.
    parts
        The parts that have it.
    target
        The type that their types have in common.
    """
    kinds = {_element(part.schema[name]) for part in parts}
    are_mixed = len({_describe_type(kind) for kind in kinds} & set(NUMBER_KINDS)) > 1
    if not are_mixed and not (pl.UInt64() in kinds and _element(target) == pl.Int64()):
        return target
    limit, words = (LARGEST_EXACT, "2^53") if are_mixed else (2**63 - 1, "2^63")
    are_whole = True
    for part in parts:
        has_fractions, is_beyond = _measure_numbers(part, name, limit)
        if is_beyond:
            return f"{_describe_clash(name, parts)}, with values beyond {words} in {part.name}"
        are_whole = are_whole and not has_fractions
    if not are_mixed:
        return target
    element = pl.Int64() if are_whole else pl.Float64()
    return pl.List(element) if isinstance(target, pl.List) else element


def _measure_numbers(part: Part, name: str, limit: int) -> tuple[bool, bool]:
    """Whether numbers have fractions (or are NaN or infinite), and whether whole ones lie beyond a limit.

    Parameters
    ----------
    part, name
        The part and its column.
    limit
        The largest number that may be; its negative is the smallest.
    """
    kind, column = part.schema[name], pl.col(name)
    if isinstance(kind, pl.List | pl.Array):
        column = column.list.explode() if isinstance(kind, pl.List) else column.arr.explode()
    if _element(kind) == pl.Null():
        return False, False
    # Fractions are what they are as floats; a whole float beyond the limit may stand for its neighbour.
    is_whole = column.is_finite() & (column == column.floor()) if _element(kind).is_float() else pl.lit(value=True)
    is_beyond = is_whole & ((column > limit) | (column < -limit))
    query = pl.scan_parquet(part.path, glob=False, hive_partitioning=False)
    has_fractions, reaches_beyond = query.select((~is_whole).any(), is_beyond.any().alias("beyond")).collect().row(0)
    return bool(has_fractions), bool(reaches_beyond)


def find_common_type(types: Sequence[pl.DataType]) -> pl.DataType | None:
    """The type that holds values of all these types, as far as types alone can say; None where there is none.

    Whole numbers and floats have one only by their values: a float here. Times with and without offset become text,
    where each keeps its own form.
    """
    distinct = [kind for kind in dict.fromkeys(types) if kind != pl.Null()]
    if len(distinct) <= 1:
        return distinct[0] if distinct else pl.Null()
    if all(isinstance(kind, pl.String | pl.Categorical | pl.Enum) for kind in distinct):
        return pl.String()
    if all(kind.is_integer() and kind != pl.Int128() for kind in distinct):
        return pl.Int64()
    if all(kind.is_integer() or kind.is_float() for kind in distinct):
        return pl.Float64()
    if all(isinstance(kind, pl.Decimal) for kind in distinct):
        return pl.Decimal(38, max(kind.scale for kind in distinct if isinstance(kind, pl.Decimal)))
    if all(isinstance(kind, pl.Datetime | pl.Date) for kind in distinct):
        zones = {kind.time_zone if isinstance(kind, pl.Datetime) else None for kind in distinct}
        if None in zones and len(zones) > 1:
            return pl.String()
        return pl.Datetime("us", zones.pop() if len(zones) == 1 else "UTC")
    if all(isinstance(kind, pl.List | pl.Array) for kind in distinct):
        inner = find_common_type([_element(kind) for kind in distinct])
        return None if inner is None else pl.List(inner)
    return None


def _convert(schema: pl.Schema, name: str, target: pl.DataType) -> pl.Expr:
    """A column of one part in the common type; nulls where the part does not have it.

    Parameters
    ----------
    schema
        The types of the part.
    name
        The column.
    target
        The common type.
    """
    if name not in schema:
        return pl.lit(ABSENT_VALUES.get(name) if target == pl.String() else None, dtype=target).alias(name)
    kind, column = schema[name], pl.col(name)
    if target == pl.String() and isinstance(kind, pl.Date):
        return column.dt.strftime(DATE_FORMAT)
    if target == pl.String() and isinstance(kind, pl.Datetime):
        column = column.dt.cast_time_unit("us")
        if kind.time_zone is None:
            return column.dt.strftime(NAIVE_FORMAT)
        return column.dt.convert_time_zone("UTC").dt.strftime(INSTANT_FORMAT)
    return column if kind == target else column.cast(target)


def _element(kind: pl.DataType) -> pl.DataType:
    """The type of the entries of lists; of anything else its own."""
    if not isinstance(kind, pl.List | pl.Array):
        return kind
    return kind.inner() if isinstance(kind.inner, type) else kind.inner


def _holds_numbers(kind: pl.DataType) -> bool:
    return _element(kind).is_integer() or _element(kind).is_float()


def _describe_clash(name: str, parts: Sequence[Part]) -> str:
    """Which types a column has in which parts."""
    first_parts: dict[str, str] = {}
    for part in parts:
        if part.schema[name] != pl.Null():
            first_parts.setdefault(_describe_type(part.schema[name]), part.name)
    (kind, part_name), *others = first_parts.items()
    return f"column {name!r} holds {kind} in {part_name}" + "".join(f" and {k} in {p}" for k, p in others[:1])


def _describe_type(kind: pl.DataType) -> str:
    """A type in words of the spec."""
    if isinstance(kind, pl.List | pl.Array):
        return f"lists of {_describe_type(_element(kind))}"
    if isinstance(kind, pl.Datetime):
        return "times without offset" if kind.time_zone is None else "times with offset"
    if kind.is_integer():
        return NUMBER_KINDS[0]
    if kind.is_float():
        return NUMBER_KINDS[1]
    if isinstance(kind, pl.String | pl.Categorical | pl.Enum):
        return "text"
    names = {"Boolean": "true and false", "Date": "dates", "Decimal": "decimal numbers", "Struct": "records"}
    return names.get(str(kind.base_type()), str(kind))
