"""The log of this experiment from the small sample that the package obp ships; nothing is fetched here.

python experiments/002_open_bandit/make_log.py obp-0.4.1-py3-none-any.whl obd_small_core.csv.gz

The source is the wheel of obp, or a folder that holds <policy>/<campaign>/<campaign>.csv as obp/dataset/obd of its
repository does. All rows are kept. Times are cut to milliseconds, hashes of user features to eight digits, and the
affinities of users to items are left out.
"""

from __future__ import annotations

import csv
import io
import sys
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # experiments/, where the harness is

from harness.real_log import refuse_columns, source_and_log, write_rows

POLICIES, CAMPAIGNS = ("random", "bts"), ("all", "men", "women")
IN_WHEEL = "obp/dataset/obd/"
FEATURES = tuple(f"user_feature_{i}" for i in range(4))
NEEDED = ("timestamp", "item_id", "position", "click", "propensity_score", *FEATURES)
COLUMNS = ("policy", "campaign", "timestamp", "item", "position", "click", "propensity", *FEATURES)


def rows_of(source: Path) -> Iterator[tuple[str, ...]]:
    """The rows of the log, one logging policy and campaign after another."""
    root = zipfile.Path(source, IN_WHEEL) if source.is_file() else source
    for policy in POLICIES:
        for campaign in CAMPAIGNS:
            text = (root / policy / campaign / f"{campaign}.csv").read_text(encoding="utf-8")
            reader = csv.DictReader(io.StringIO(text))
            refuse_columns(source, reader.fieldnames or (), NEEDED)
            for row in reader:
                time = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=None)
                values = (row[name] for name in ("item_id", "position", "click", "propensity_score"))
                hashes = (row[name][:8] for name in FEATURES)
                yield policy, campaign, time.isoformat(" ", "milliseconds"), *values, *hashes


def main() -> None:
    source, log = source_and_log(__doc__, "the wheel of obp, or its folder obp/dataset/obd")
    print(f"{log}: {write_rows(log, COLUMNS, rows_of(source)):,} rows")


if __name__ == "__main__":
    main()
