"""The verbs on Parquet shards: embeddings that other systems made, or will read."""
