"""The example for Python goes from a folder to an answer."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import fiftyone as fo
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "which_images.py"


@pytest.mark.slow
def test_a_folder_becomes_a_preview_and_a_list_of_files(photos, home, tmp_path, capsys):
    folder = tmp_path / "which-images-of-a-test"
    shutil.copytree(photos, folder)
    spec = importlib.util.spec_from_file_location("which_images", EXAMPLE)
    assert spec
    assert spec.loader
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    try:
        words = [str(folder), "--budget", "10", "--count", "8", "--image-size", "16"]
        assert example.main(words) == 0
    finally:
        for name in fo.list_datasets():
            if name.startswith("which-images-of-a-test"):
                fo.delete_dataset(name)
    printed = capsys.readouterr().out
    assert "Frechet distance beside the 5 random draws" in printed
    listed = printed.partition("in the order of the choice:\n")[2].split("\n\n")[0].splitlines()
    assert len(set(listed)) == 10
    assert all(Path(path).is_relative_to(folder) for path in listed)
