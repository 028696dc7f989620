"""The log of this experiment from UCI's file, which is downloaded by hand: nothing is fetched here.

python experiments/000_bank/make_log.py bank-additional-full.csv bank_additional_full.csv.gz

The source has semicolons between quoted columns. All its rows and columns stay as they are, in their order.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # experiments/, where the harness is

from harness.real_log import refuse_columns, source_and_log, write_rows

NEEDED = ("contact", "campaign", "poutcome", "y")  # what the experiment looks at


def main() -> None:
    source, log = source_and_log(__doc__, "bank-additional-full.csv as it is downloaded")
    with source.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter=";")
        columns = next(rows, [])
        refuse_columns(source, columns, NEEDED)
        print(f"{log}: {write_rows(log, columns, rows):,} rows")


if __name__ == "__main__":
    main()
