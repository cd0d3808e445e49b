"""Models whose right values are known: one that copies its training images, one that draws gray.

The photographs are not square, so a judge who looked at more than the model was shown, or at
another size, would call the copies something else.
"""

from __future__ import annotations

import json

import curadiff
import fiftyone as fo
import numpy as np
import pytest
from curadiff import diffusion, encoders, runs
from curadiff.common.errors import DataError, SettingsError
from curadiff.metrics import evaluate as measured
from curadiff.studies import cell_work
from PIL import Image, ImageDraw, ImageOps

SIDE, EACH = 32, 40
SIZES = [(90, 60), (61, 90), (75, 64), (64, 101)]  # both ways round, with odd margins
QUICK = {"encoder": "builtin", "bootstrap": 0, "progress": False}
STUDY = {
    "name": "oracle",
    "arms": ["full"],
    "budget": 8,
    "seeds": [0],
    "held_out": 0.5,
    "embed": {"encoder": "builtin"},
    "train": {"preset": "demo", "image_size": SIDE, "base_channels": 16, "multipliers": "1-1"},
    "generate": {"count": EACH},
    "evaluate": {"encoder": "builtin", "bootstrap": 0},
}


def photograph(number):
    """A picture with something at every edge, so that what is cut off matters."""
    rng = np.random.default_rng(number)
    width, height = SIZES[number % len(SIZES)]
    coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    for _ in range(6):
        x, y = (int(v) for v in rng.integers(0, (width, height)))
        pen.ellipse(
            (x - 9, y - 9, x + 9, y + 9), fill=tuple(int(c) for c in rng.integers(0, 256, 3))
        )
    return image


def crop(image):
    """The training's crop, worked out here: the central square, then Lanczos."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    return square.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


MODELS = {
    "copies": lambda image: crop(image),
    "mirrored": lambda image: ImageOps.mirror(crop(image)),
    "gray": lambda image: Image.new("RGB", (SIDE, SIDE), "gray"),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Training and held-out photographs, and what each model makes of the former."""
    root = tmp_path_factory.mktemp("oracle")
    for name in ("train", "held_out", "held_crops", *MODELS):
        (root / name).mkdir()
    for number in range(EACH):
        image, other = photograph(number), photograph(1000 + number)
        image.save(root / "train" / f"{number:03}.png")
        other.save(root / "held_out" / f"{number:03}.png")
        crop(other).save(root / "held_crops" / f"{number:03}.png")
        for name, draw in MODELS.items():
            draw(image).save(root / name / f"{number:03}.png")
    return root


def features(folder):
    """The encoder's own view of pictures that are crops already."""
    return encoders.load("builtin").embed(sorted(folder.glob("*.png"))).features


def judged(folders, model, against, **more):
    return curadiff.evaluate(
        folders / model, folders / against, train=folders / "train", **QUICK, **more
    )


def test_copies_of_the_training_crops_are_all_memorized_and_precise(folders, home):
    found = judged(folders, "copies", "train")
    values = found.values
    assert (values["memorized"], values["precision"], values["recall"]) == (1, 1, 1)
    assert values["coverage"] == 1
    real = measured(real=features(folders / "copies"), generated=features(folders / "held_crops"))
    assert values["frechet_distance"] <= 1e-3 * real.values["frechet_distance"]
    assert found.settings["reference_size"] == [SIDE, SIDE]
    assert any("central square and resized to 32 x 32" in note for note in found.notes)
    assert not any("enlarged" in note for note in found.notes)


def test_copies_score_against_held_out_images_what_the_training_crops_do(folders, home):
    found = judged(folders, "copies", "held_out")
    want = measured(real=features(folders / "held_crops"), generated=features(folders / "copies"))
    for name, value in want.values.items():
        assert found.values[name] == value, name
    assert found.values["memorized"] == 1
    assert found.records["memorized"].null <= 0.1  # the held-out crops are no copies


def test_mirrored_copies_are_found(folders, home):
    found = judged(folders, "mirrored", "held_out")
    assert found.values["memorized"] == 1
    assert found.generated["nearest_train_mirrored"].all()
    assert found.generated["nearest_train_distance"].max() < 1e-6
    assert judged(folders, "mirrored", "held_out", mirrored=False).values["memorized"] < 0.2


def test_a_model_of_gray_pictures_scores_nothing(folders, home):
    found, real = (judged(folders, model, "held_out").values for model in ("gray", "copies"))
    for name in ("precision", "recall", "density", "coverage", "memorized"):
        assert found[name] == 0, name
    assert found["vendi"] == pytest.approx(1)
    assert found["frechet_distance"] > 3 * real["frechet_distance"]


def test_the_judges_pixels_can_be_set_and_are_named_by_the_result(folders, home):
    native = judged(folders, "copies", "train", reference_size="native")
    assert native.settings["reference_size"] is None
    assert native.settings["preparation"] == "native"
    assert native.generated["nearest_train_distance"].min() > 0.01  # other pictures
    smaller = judged(folders, "copies", "train", reference_size=16)
    assert smaller.settings["reference_size"] == [16, 16]
    assert smaller.values["memorized"] == 1
    with pytest.raises(SettingsError, match="reference_size must be 1 to"):
        judged(folders, "copies", "train", reference_size=0)
    with pytest.raises(SettingsError, match="must be auto or native or a whole number, got 'big'"):
        judged(folders, "copies", "train", reference_size="big")


def test_generated_images_of_several_sizes_are_refused_with_the_ways_out(folders, home):
    with pytest.raises(DataError, match=r"are of 4 sizes: .*75 x 64 \(10\).*reference_size=N"):
        judged(folders, "held_out", "train")
    found = judged(folders, "held_out", "train", reference_size=SIDE)
    want = measured(real=features(folders / "copies"), generated=features(folders / "held_crops"))
    assert found.values["frechet_distance"] == want.values["frechet_distance"]


def test_images_of_another_shape_and_small_photographs(folders, home, tmp_path):
    # Another program's model draws 96 x 64: real images are cut to that shape, and enlarged.
    for number in range(8):
        part = photograph(2000 + number).resize((96, 64))
        part.save(tmp_path / f"{number}.png")
    found = curadiff.evaluate(tmp_path, folders / "train", counts="subsample", **QUICK)
    assert found.settings["reference_size"] == [96, 64]
    small = sum(width < 96 or height < 64 for width, height in SIZES) * EACH // len(SIZES)
    assert any(f"{small} of 40 reference images are smaller than 96 x 64" in n for n in found.notes)


def drawing(model):
    """Stand in for training and drawing: each training's images are what the model makes."""

    def generate(run, **_):
        manifest = runs.read_json(run.path / "manifest.json")
        pictures = diffusion.pixels.load(manifest["paths"], manifest["sha256"], SIDE)
        folder = run.path / "generated" / "oracle"
        folder.mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(np.asarray(pictures)[:EACH]):
            image = model(Image.fromarray(picture.transpose(1, 2, 0)))
            image.save(folder / f"{number:06}.png")
        told = {"run": run.id, "seeds": list(range(EACH)), "checkpoint": 1}
        told |= {"weights": "ema", "sampler": "oracle", "steps": 1}
        (folder / "generated.json").write_text(json.dumps(told))
        return folder

    return generate


@pytest.mark.parametrize("model", ["copies", "mirrored", "gray"])
def test_a_study_of_a_known_model(folders, home, monkeypatch, model):
    monkeypatch.setattr(cell_work, "generate", drawing(MODELS[model]))
    monkeypatch.setattr(cell_work.diffusion, "start", lambda *_, **__: None)
    monkeypatch.setattr(cell_work, "follow", lambda run, **_: run)
    images = curadiff.import_images(folders / "train", name="oracle-photos").dataset
    images.add_samples(
        [fo.Sample(filepath=str(path)) for path in (folders / "held_out").glob("*.png")],
        progress=False,
    )
    try:
        result = curadiff.study(images, progress=False, **STUDY)
        (outcome,) = result.outcomes
        pool, held_out = outcome["values"]["pool"], outcome["values"]["held_out"]
        assert outcome["counts"] == {"held_out": [40, 40], "pool": [40, 40]}
        assert outcome["reference_size"] == [SIDE, SIDE]
        records = outcome["full"]["held_out"]["records"]
        assert records["frechet_distance"]["n_null"] == [40, 40]
        real = records["frechet_distance"]["null"]
        if model == "gray":
            for name in ("precision", "recall", "coverage", "memorized"):
                assert pool[name] == held_out[name] == 0, name
            assert held_out["frechet_distance"] > 3 * real
        else:
            assert pool["memorized"] == held_out["memorized"] == 1
        if model == "copies":
            assert (pool["precision"], pool["recall"], pool["coverage"]) == (1, 1, 1)
            assert pool["frechet_distance"] <= 1e-3 * real
            # The null is the pool's crops in the copies' place, and the copies are just those.
            assert held_out["frechet_distance"] == pytest.approx(real, rel=1e-9)
            for name in ("precision", "recall", "density", "coverage"):
                assert held_out[name] == pytest.approx(records[name]["null"]), name
            # A result that an older version judged at other pixels is judged anew.
            (cell,) = result.run.path.glob("cells/full-s0*.json")
            older = {**json.loads(cell.read_text()), "values": {"held_out": {}, "pool": {}}}
            del older["preparation"]
            cell.write_text(json.dumps(older))
            again = curadiff.study(images, progress=False, **STUDY)
            assert again.outcomes[0]["values"] == outcome["values"]
        fo.delete_dataset(result.generated)
    finally:
        images.delete()
