"""Classes go from a field of the data set through a training to the drawings' field."""

import curadiff
import fiftyone as fo
import pytest
from curadiff.common.errors import DataError
from curadiff.datasets import reading
from PIL import Image

TINY = {
    "image_size": 8, "base_channels": 16, "multipliers": "0.5", "layers": 1, "steps": 2,
    "batch_size": 4, "timesteps": 20, "device": "cpu", "progress": False, "grid_every": 99,
}  # fmt: skip


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds")
    made = fo.Dataset(persistent=True)
    for number in range(6):
        path = folder / f"{number}.png"
        Image.new("RGB", (9, 9), (40 * number,) * 3).save(path)
        sample = fo.Sample(filepath=str(path), text="ab"[number % 2])
        if number != 5:
            sample["kind"] = fo.Classification(label=["bag", "shoe"][number % 2])
        made.add_sample(sample)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CURADIFF_HOME", str(folder / "home"))
        yield made
    made.delete()


@pytest.fixture(scope="module")
def trained(kinds):
    """A training that is told the classes."""
    return curadiff.train(kinds, name="kinds", classes="kind", **TINY)


def test_labels_are_read_from_classifications_and_text(kinds):
    ids = kinds.values("id")[::-1]
    expected = [None, "bag", "shoe", "bag", "shoe", "bag"]
    assert reading.class_labels(kinds, ids, "kind") == expected
    assert reading.class_labels(kinds, ids, "kind.label") == expected
    assert reading.class_labels(kinds, ids, "text") == list("bababa")
    with pytest.raises(
        DataError, match=r"has no field 'kinds' \(did you mean 'kind'\?\).*\(there: kind, text\)"
    ):
        reading.class_labels(kinds, ids, "kinds")
    with pytest.raises(DataError, match="has no classes in the field 'metadata'"):
        reading.class_labels(kinds, ids, "metadata")


def test_drawings_are_imported_with_their_class(trained):
    assert trained.record["classes"] == {"bag": 3, "shoe": 2}
    assert trained.record["unlabeled"] == 1
    drawing = {"count": 4, "steps": 2, "device": "cpu", "progress": False}
    folder = curadiff.generate(trained, classes=["shoe", "bag"], guidance=2, **drawing)
    linked = curadiff.import_generated(folder)
    try:
        made = linked.dataset.sort_by("image_seed")
        assert made.values("drawn_class.label") == ["shoe", "bag", "shoe", "bag"]
        assert curadiff.import_generated(folder).added == 0
        plain = curadiff.generate(trained, **drawing)
        assert curadiff.import_generated(plain).added == 4  # other images of the same seeds
    finally:
        linked.dataset.delete()


def test_an_evaluation_says_counts_and_coverage_of_each_class(kinds, trained):
    drawing = {"count": 4, "steps": 2, "device": "cpu", "progress": False}
    folder = curadiff.generate(trained, classes=["shoe", "bag", "bag", "bag"], **drawing)
    made = curadiff.import_generated(folder).dataset
    settings = {"encoder": "builtin", "counts": "unequal", "bootstrap": 0, "null_draws": 0}
    try:
        found = curadiff.evaluate(
            made, kinds, classes="kind", k=1, density_k=1, progress=False, **settings
        )
        with pytest.raises(DataError, match="classes needs data sets on both sides"):
            curadiff.evaluate(folder, kinds, classes="kind", progress=False, **settings)
        wrong = {**settings, "encoder": "open_clip:ViT-B-32"}  # whose weights are not asked for
        with pytest.raises(DataError, match="has no field 'kinds'"):
            curadiff.evaluate(made, kinds, classes="kinds", progress=False, **wrong)
    finally:
        made.delete()
    counts = {name: (of["n_real"], of["n_generated"]) for name, of in found.classes.items()}
    assert counts == {"bag": (3, 3), "shoe": (2, 1)}
    labels = kinds.values("kind.label")
    for name, of in found.classes.items():
        rows = [row for row, label in enumerate(labels) if label == name]
        assert of["coverage"] == pytest.approx(found.real["covered"][rows].mean())
    assert found.classes["shoe"]["kernel_distance"] is None
    assert found.to_json()["classes"]["bag"]["n_real"] == 3
    assert "class" in str(found)
