"""Caches: bounded, the least recently used goes first, listed and cleared by kind."""

from __future__ import annotations

import os

import pytest
from curadiff.common.errors import SettingsError
from curadiff.runs import caches


@pytest.fixture
def pixels(home):
    """Four files of 1000 bytes, the first one used the longest time ago."""
    folder = caches.folder("pixels")
    folder.mkdir(parents=True)
    paths = [folder / f"{number}.npy" for number in range(4)]
    for number, path in enumerate(paths):
        path.write_bytes(b"x" * 1000)
        os.utime(path, (1000 + number, 1000 + number))
    return paths


def test_what_was_not_used_for_the_longest_time_goes_first(pixels, monkeypatch):
    monkeypatch.setenv("CURADIFF_CACHE_PIXELS_GB", str(2500 / 2**30))
    caches.touch(pixels[0])
    caches.trim("pixels", keep=pixels[1])
    assert [path.exists() for path in pixels] == [True, True, False, False]
    monkeypatch.setenv("CURADIFF_CACHE_PIXELS_GB", "0")
    caches.trim("pixels", keep=pixels[1])
    assert [path.exists() for path in pixels] == [False, True, False, False]


def test_every_kind_is_listed_and_cleared(pixels, capsys):
    from curadiff.cli import main

    report = caches.folder("reports") / "photos" / "mine.html"
    report.parent.mkdir(parents=True)
    report.write_text("<p>")
    half = report.with_name(".tmp-000000000000.7.88.0-mine.html")
    half.write_text("<")
    os.utime(half, (0, 0))
    assert main(["cache"]) == 0
    said = capsys.readouterr().out
    for kind in ("features", *caches.KINDS):
        assert any(line.startswith(kind) for line in said.splitlines())
    assert "4 prepared training images" in said
    assert not half.exists()
    assert main(["cache", "--clear", "reports"]) == 0
    assert "1 reports of selections deleted" in capsys.readouterr().out
    assert (report.exists(), pixels[0].exists()) == (False, True)
    assert main(["cache", "--clear"]) == 0
    assert sum(one.entries for one in caches.info()) == 0


@pytest.mark.parametrize("name", ["CURADIFF_CACHE_GB", "CURADIFF_CACHE_PIXELS_GB"])
@pytest.mark.parametrize("given", ["much", "-1", "inf", "nan"])
def test_a_limit_that_is_none_is_named(home, monkeypatch, name, given):
    monkeypatch.setenv(name, given)
    with pytest.raises(SettingsError, match=f"{name} must be a number >= 0, got '{given}'"):
        caches.trim("pixels")
