"""Shards as another system writes them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from curadiff.common.images import content_hash


def write_elsewhere(folder, paths, x, ids=None, **extra):
    """Write shards with pyarrow alone, as another system does."""
    ids = ids or paths
    folder.mkdir()
    for number, rows in enumerate(np.array_split(np.arange(len(paths)), 3)):
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(x[rows].reshape(-1)), x.shape[1])
        table = pa.table(
            {
                "id": [ids[row] for row in rows],
                "uri": [f"file://{paths[row]}" for row in rows],
                "sha256": [content_hash(paths[row]) for row in rows],
                "embedding": vectors,
                "encoder": ["theirs"] * len(rows),
                **{name: [values[row] for row in rows] for name, values in extra.items()},
            }
        )
        pq.write_table(table, folder / f"{number}.parquet")
    return folder
