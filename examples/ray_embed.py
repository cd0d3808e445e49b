"""Embed with Ray Data, on one machine or a cluster, into shards that Curadiff selects from.

    pip install 'curadiff[ray]'
    python examples/ray_embed.py ./photos ./shards --encoder clip-vit-b32 --workers 8 --gpus 1
    python examples/ray_embed.py 's3://bucket/{0000..0099}.tar' s3://bucket/shards --workers 64
    curadiff select ./shards --budget 100000 --to-shards ./picks

The source is a folder of images, or webdataset tars: a tar, a folder of tars, or names with a
range in braces. Ray reads, spreads the work, starts a worker again that dies, and writes; each
worker loads the encoder once. Images that cannot be read are left out and counted at the end.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray

ENDINGS = ["jpg", "jpeg", "png", "webp"]
BATCH = 64  # images that a worker takes at a time


class Embed:
    """A worker: it keeps an encoder and turns batches of image files into rows of shards."""

    def __init__(self, encoder: str, weights: str | None) -> None:
        import torch
        from curadiff import encoders

        device = "cuda" if torch.cuda.is_available() else "cpu"  # Ray shows it the GPU it has
        self.encoder = encoders.load(encoder, weights=weights, device=device)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return ``id, uri, sha256, embedding, encoder`` of the images that can be read."""
        images = batch["bytes"].to_pylist()
        with tempfile.TemporaryDirectory() as folder:  # decoded as `curadiff embed` decodes files
            paths = [Path(folder, str(number)) for number in range(len(images))]
            for path, content in zip(paths, images, strict=True):
                path.write_bytes(content)
            embedded = self.encoder.embed(paths, batch_size=BATCH)
        good = embedded.ok.nonzero()[0]
        flat = pa.array(embedded.features[good].reshape(-1))
        return pa.table(
            {
                "id": batch["id"].take(good),
                "uri": batch["uri"].take(good),
                "sha256": [hashlib.sha256(images[row]).hexdigest() for row in good],
                "embedding": pa.FixedSizeListArray.from_arrays(flat, self.encoder.dim),
                "encoder": pa.array([self.encoder.key] * len(good), pa.string()),
            }
        )


def images_of(source: str) -> ray.data.Dataset:
    """Read ``id, uri, bytes`` of all images of a folder or of webdataset tars."""
    tars = tars_of(source)
    if not tars:
        files = ray.data.read_binary_files(source, include_paths=True, file_extensions=ENDINGS)
        return files.map(lambda row: {"id": row["path"], "uri": row["path"], "bytes": row["bytes"]})
    samples = ray.data.read_webdataset(tars, decoder=None, include_paths=True)
    return samples.map(image_of)


def image_of(sample: dict[str, Any]) -> dict[str, Any]:
    """Take the image of a webdataset sample; its key names it, so keys must differ."""
    ending = next(name for name in ENDINGS if sample.get(name) is not None)
    uri = f"{sample['path']}#{sample['__key__']}.{ending}"
    return {"id": sample["__key__"], "uri": uri, "bytes": sample[ending]}


def tars_of(source: str) -> list[str]:
    """List the tars that a source names: itself, those of a folder, or a range in braces."""
    span = re.search(r"\{(\d+)\.\.(\d+)\}", source)
    if span:
        first, last = span.groups()
        numbers = range(int(first), int(last) + 1)
        return [source.replace(span[0], f"{number:0{len(first)}}") for number in numbers]
    if source.endswith(".tar"):
        return [source]
    return sorted(map(str, Path(source).glob("*.tar")))


def main(words: list[str] | None = None) -> int:
    """Embed a source into shards, and say how many images that were."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", help="folder of images, or tars")
    parser.add_argument("shards", help="new folder for the shards")
    parser.add_argument("--encoder", default="clip-vit-b32", help="as of curadiff embed")
    parser.add_argument("--weights", help="file with the encoder's weights, seen by all workers")
    parser.add_argument("--workers", type=int, default=2, help="processes, over all machines")
    parser.add_argument("--gpus", type=float, default=0, help="of each worker, such as 1 or 0.5")
    args = parser.parse_args(words)
    ray.init(log_to_driver=False)
    cores = ray.cluster_resources().get("CPU", 1.0)
    images = images_of(args.source)
    rows = images.map_batches(
        Embed,
        fn_constructor_args=(args.encoder, args.weights),
        concurrency=args.workers,
        num_gpus=args.gpus,
        num_cpus=min(1.0, cores / (2 * args.workers)),  # the other half reads and writes
        batch_size=BATCH,
        batch_format="pyarrow",
    )
    rows.write_parquet(args.shards)
    read, written = images.count(), ray.data.read_parquet(args.shards).count()
    print(f"{written:,} images embedded into {args.shards}, {read - written:,} left out")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
