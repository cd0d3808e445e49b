"""Which of my photographs should I train on? From a folder to an answer, without training.

    python examples/which_images.py ./photos --budget 400

Takes five to fifteen minutes of one core for 1,000 photographs. It imports the folder, previews
what a model would draw from each selection, chooses by one method, and lists the chosen files.
CLIP and DINOv2 are used where their weights are on this machine, else encoders that need none.
"""

from __future__ import annotations

import argparse

import curadiff
from curadiff import encoders


def main(words: list[str] | None = None) -> int:
    """Print the preview's table, then the chosen files, the first pick first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="folder of images")
    parser.add_argument("--budget", type=int, default=400, help="how many images to choose")
    parser.add_argument("--method", default="typicality", help="how to choose them")
    parser.add_argument("--count", type=int, default=200, help="pictures to draw for each arm")
    parser.add_argument(
        "--image-size", type=int, default=128, help="side of the pictures in pixels"
    )
    args = parser.parse_args(words)

    selector = "clip-vit-b32" if encoders.is_here("clip-vit-b32") else "builtin"
    judge = "dinov2-vit-l14" if encoders.is_here("dinov2-vit-l14") else "scattering"
    photos = curadiff.import_images(args.folder).dataset
    preview = curadiff.preview(
        photos,
        arms=["full", "random", "coreset", args.method],
        budget=args.budget,
        count=args.count,
        image_size=args.image_size,
        decide_size=min(32, args.image_size),
        embed={"encoder": selector},
        evaluate={"encoder": judge},
    )
    print(preview)

    chosen = curadiff.select(photos, method=args.method, budget=args.budget)
    print(f"\n{chosen}, in the order of the choice:")
    for path in chosen.view.values("filepath"):
        print(path)
    print("\nTrained networks decide, with an interval: curadiff.study(photos, seeds=[0, 1, 2])")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
