"""The keys of users in a column."""

from __future__ import annotations

import numpy as np
import polars as pl

from tactful.batch.keys import text_keys
from tactful.core.arrays import U64

ID_BLOCK = 1 << 22  # rows whose ids are put into one text


def user_keys(ids: pl.Series) -> U64:
    """(n,) the keys of ids as text, as ``core.draw.user_keys`` and thirty times as fast."""
    blocks = [ids.slice(start, ID_BLOCK) for start in range(0, ids.len(), ID_BLOCK)]
    keys = [text_keys(b.str.join().item().encode(), b.str.len_bytes().to_numpy().astype(np.int64)) for b in blocks]
    return np.concatenate([np.empty(0, np.uint64), *keys])
