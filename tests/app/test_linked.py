"""From generated images to the real ones and back, and to those that no generated image is near."""

import curadiff
import numpy as np
import pytest
from curadiff.common.errors import DataError
from curadiff.datasets import generated
from curadiff.datasets.uncovered import uncovered


@pytest.fixture
def made(dataset):
    """The first eight images, called generated and evaluated against all forty real ones."""
    paths = dataset.values("filepath")[:8]
    found, _ = generated.add_generated(
        f"{dataset.name}-made",
        paths=paths,
        seeds=range(8),
        source=dataset,
        run="some-run",
        arm="full",
        training_seed=0,
        origin={},
    )
    settings = {"encoder": "builtin", "counts": "unequal", "bootstrap": 0, "progress": False}
    curadiff.evaluate(found, dataset, train=dataset, **settings)
    dataset.reload()
    yield found
    found.delete()


def test_what_is_not_covered_is_what_an_evaluation_says_farthest_first(dataset, made):
    ids, covered, far = dataset.values(["id", "covered", "nearest_generated_distance"])
    expected = [row for row in np.argsort(far)[::-1] if not covered[row]]
    assert 0 < len(expected) < 40
    assert uncovered(dataset, ["evaluation"]).values("id") == [ids[row] for row in expected]


def test_of_several_evaluations_only_what_all_that_compared_an_image_miss(dataset):
    rows = {"one": [False, False, True, None, None], "two": [False, True, False, False, None]}
    ids = dataset.values("id")[:5]
    for key, values in rows.items():
        for name, column in (("covered", values), ("nearest_generated_distance", [1.0] * 5)):
            dataset.set_values(f"{key}_{name}", dict(zip(ids, column, strict=True)), key_field="id")
    dataset.set_values("two_nearest_generated_distance", {ids[3]: 9.0}, key_field="id")
    assert uncovered(dataset, ["one", "two"]).values("id") == [ids[3], ids[0]]


def test_an_evaluation_without_coverage_says_what_to_do(dataset):
    with pytest.raises(DataError, match=r"coverage of .* was not measured by first; evaluate with"):
        uncovered(dataset, ["first"])


@pytest.mark.slow  # half a minute
@pytest.mark.app
@pytest.mark.timeout(240)
def test_pairs_and_uncovered_images_open_in_the_other_data_set(visit, dataset, made):
    person = visit(width=1500, height=1100)
    person.open(made.name)
    person.open_panel("Curadiff")
    person.sees("These images were generated from")
    person.select_first_samples(2)
    person.sees("Left: generated. Right: the training image it is nearest to.")
    person.click(f"Open them in {dataset.name}")
    person.page.wait_for_url(f"**/datasets/{dataset.name}", timeout=60_000)
    person.sees("2 samples", timeout=60)

    person.open(dataset.name)
    person.open_panel("Curadiff")
    person.select_first_samples(2)
    person.click(f"Open them in {made.name}")
    person.page.wait_for_url(f"**/datasets/{made.name}", timeout=60_000)
    person.sees("2 samples", timeout=60)

    person.open(made.name)
    person.open_panel("Curadiff")
    missed = uncovered(dataset, ["evaluation"])
    person.click("Not covered")
    person.page.wait_for_url(f"**/datasets/{dataset.name}", timeout=60_000)
    person.sees(f"{len(missed)} samples", timeout=60)
