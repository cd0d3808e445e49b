from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def draw():
    """Write a tiny real image."""

    def write(path: Path, value: int = 128) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L" if path.suffix == ".png" else "RGB", (6, 8), value).save(path)
        return path

    return write


# Sub-folder and file name patterns, role by role, of three published releases.
RELEASES = {
    "zip": {
        "cloth": "cloth/{id}.jpg",
        "cloth_mask": "cloth-mask/{id}.jpg",
        "parse": "image-parse-v3/{id}.png",
        "parse_agnostic": "image-parse-agnostic-v3.2/{id}.png",
        "openpose_image": "openpose_img/{id}_rendered.png",
        "openpose_keypoints": "openpose_json/{id}_keypoints.json",
        "densepose": "image-densepose/{id}.jpg",
        "agnostic": "agnostic-v3.2/{id}.jpg",
        "agnostic_mask": "agnostic-mask/{id}_mask.png",
    },
    "sample": {
        "cloth": "cloth/{id}.jpg",
        "cloth_mask": "cloth-mask/{id}.jpg",
        "parse": "image-parse/{id}.png",
        "openpose_image": "openpose-img/{id}_rendered.png",
        "openpose_keypoints": "openpose-json/{id}_keypoints.json",
    },
    "older": {
        "cloth": "cloth/{garment}.jpg",
        "cloth_mask": "cloth-mask/{garment}.jpg",
        "parse": "image-parse/{id}.png",
        "openpose_keypoints": "pose/{id}_keypoints.json",
    },
}


@pytest.fixture
def viton(tmp_path, draw):
    """Lay out a try-on data set by one of the published releases."""

    def build(release="zip", train=4, test=2, name="zalando-hd-resized") -> Path:
        root = tmp_path / name
        for split, start, count in (("train", 0, train), ("test", 100, test)):
            ids = [_names(release, number) for number in range(start, start + count)]
            for person, garment in ids:
                draw(root / split / "image" / f"{person}.jpg")
                for pattern in RELEASES[release].values():
                    path = root / split / pattern.format(id=person, garment=garment)
                    if path.suffix == ".json":
                        path.parent.mkdir(parents=True, exist_ok=True)
                        path.write_text('{"people": []}')
                    else:
                        draw(path)
            turn = 0 if release == "older" else 1  # the older list is matched
            lines = [
                f"{person}.jpg {ids[(i + turn) % len(ids)][1]}.jpg\n"
                for i, (person, _) in enumerate(ids)
            ]
            (root / f"{split}_pairs.txt").write_text("".join(lines))
        return root

    return build


def _names(release, number):
    if release == "older":
        return f"{number:06d}_0", f"{number:06d}_1"
    return f"{number:05d}_00", f"{number:05d}_00"


@pytest.fixture
def releases():
    return RELEASES
