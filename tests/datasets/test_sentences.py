"""What cannot be done is said with the name that was given, what is there, and what to do."""

import json

import curadiff
import fiftyone as fo
import pytest
from curadiff import runs
from curadiff.common.errors import DataError, RunError, SettingsError
from curadiff.datasets import counting, resolving
from curadiff.diffusion import manifest
from curadiff.encoders import cache


def test_an_empty_view_is_called_a_view_and_an_empty_data_set_a_data_set(dataset):
    dataset.save_view("none", dataset.match_tags("no such tag"))
    name = dataset.name
    with pytest.raises(DataError, match=f"view 'none' of the data set '{name}' has no samples"):
        resolving.resolve(f"{name}:none")
    with pytest.raises(DataError, match=f"the view of the data set '{name}' has no samples"):
        resolving.resolve(dataset.match_tags("no such tag"))
    empty = fo.Dataset()
    try:
        with pytest.raises(DataError, match=f"the data set '{empty.name}' has no samples; import"):
            resolving.resolve(empty)
    finally:
        empty.delete()


def test_a_tag_that_no_sample_has_cannot_be_excluded(dataset):
    dataset.limit(1).tag_samples("blurred")
    with pytest.raises(DataError, match=r"no sample .* 'blured' .*did you mean 'blurred'"):
        curadiff.select(dataset, method="random", budget=2, exclude_tag="blured")
    assert curadiff.select(dataset, method="random", budget=2, exclude_tag="blurred").ids


def test_a_pool_without_anything_to_choose_says_so(dataset):
    dataset.tag_samples("all")
    with pytest.raises(DataError, match=r"none of the .* samples of the pool can be chosen"):
        curadiff.select(dataset, method="random", budget=2, exclude_tag="all")


@pytest.mark.parametrize(
    "content", [{}, [], {"ids": ["a"], "sha256": ["b"], "hash": "c"}, {"ids": ["a"], "paths": []}]
)
def test_a_damaged_manifest_is_a_sentence(tmp_path, content):
    run = runs.create("train", {}, name="one", folder=tmp_path)
    (run.path / manifest.NAME).write_text(json.dumps(content))
    with pytest.raises(RunError, match=r"manifest.json is damaged: .* ids, paths, sha256"):
        manifest.read(run)


def test_a_cache_that_is_not_there_cannot_be_cleared(home):
    with pytest.raises(SettingsError, match=r"nothing is kept under 'pixel'.*mean 'pixels'"):
        cache.clear("pixel")
    assert cache.clear() == 0


def test_a_grouped_data_set_is_counted_in_full():
    grouped = fo.Dataset()
    try:
        grouped.add_group_field("group", default="left")
        group = fo.Group()
        for side in ("left", "right"):
            grouped.add_sample(fo.Sample(filepath=f"/{side}.png", group=group.element(side)))
        assert counting.exact(grouped) == 2
    finally:
        grouped.delete()
