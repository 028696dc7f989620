"""Files to logs and back: the only layer that imports polars."""

from tactful.frames.reading.read_log import read_log
from tactful.frames.spec.log_spec import LogSpec, Measure
from tactful.frames.write import canonical_spec, to_frame, write_log

__all__ = ["LogSpec", "Measure", "canonical_spec", "read_log", "to_frame", "write_log"]
