"""The cache: what hits, what misses, two processes, the limit, damage."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest
from curadiff import encoders
from curadiff.common.errors import RunError, SettingsError
from curadiff.encoders import cache, cache_file
from PIL import Image


@pytest.fixture
def counting(tmp_path, monkeypatch, home):
    """An encoder that counts the pictures that it computes."""
    import dataclasses

    plain = encoders.load("builtin")
    computed = []

    def forward(stack):
        computed.extend(range(len(stack)))
        return plain.forward(stack)

    encoder = dataclasses.replace(plain, forward=forward)

    def embed(paths, key=plain.key, **more):
        computed.clear()
        result = dataclasses.replace(encoder, key=key).embed(paths, cache=True, **more)
        return result, len(computed)

    return embed


def test_a_second_pass_computes_nothing_and_gives_the_same(counting, photographs):
    first, computed = counting(photographs, batch_size=5)
    assert computed == 12
    second, computed = counting(photographs[::-1])
    assert computed == 0
    np.testing.assert_array_equal(second.features[::-1], first.features)
    plain = encoders.load("builtin").embed(photographs).features
    np.testing.assert_array_equal(first.features, plain)
    assert cache.info().images == {first.key: 12}
    assert cache.info().bytes > 12 * 484 * 4


def test_new_images_alone_are_computed(counting, photographs):
    counting(photographs[:7])
    got, computed = counting(photographs)
    assert computed == 5
    np.testing.assert_array_equal(
        got.features, encoders.load("builtin").embed(photographs).features
    )


def test_a_renamed_copy_hits(counting, photographs, tmp_path):
    counting(photographs[:1])
    shutil.copy(photographs[0], tmp_path / "copy.png")
    assert counting([tmp_path / "copy.png"])[1] == 0


def test_equal_files_in_one_list_are_computed_once(counting, photographs, tmp_path):
    shutil.copy(photographs[0], tmp_path / "copy.png")
    got, computed = counting([photographs[0], tmp_path / "copy.png", photographs[1]])
    assert computed == 2
    assert got.ok.all()
    np.testing.assert_array_equal(got.features[0], got.features[1])


def test_changed_content_misses_even_with_the_old_size_and_time(counting, photographs):
    old = time.time_ns() - 10**12
    os.utime(photographs[0], ns=(old, old))
    before, _ = counting(photographs[:1])
    data = bytearray(photographs[1].read_bytes())
    size = photographs[0].stat().st_size
    photographs[0].unlink()
    photographs[0].write_bytes(data)
    os.truncate(photographs[0], max(size, len(data)))  # trailing bytes don't matter to Pillow
    os.utime(photographs[0], ns=(old + 1, old + 1))
    after, computed = counting(photographs[:1])
    assert computed == 1
    assert not np.array_equal(before.features, after.features)


def test_another_key_misses(counting, photographs):
    counting(photographs)
    assert counting(photographs, key="other|float32")[1] == 12
    assert counting(photographs, key="other|bfloat16")[1] == 12
    assert len(cache.info().images) == 3


def test_the_key_names_weights_pixels_and_dtype(tiny, tmp_path):
    import torch

    torch.save({"conv.weight": torch.ones(8, 3, 5, 5), "conv.bias": torch.ones(8)}, tmp_path / "w")
    name = f"python:{tiny}:load"
    keys = {encoders.load(name).key}
    keys.add(encoders.load(name, weights=str(tmp_path / "w")).key)
    keys.add(encoders.load(name, dtype="bfloat16").key)
    tiny.write_text(tiny.read_text().replace("input_size = 32", "input_size = 32; fit = 'pad'"))
    keys.add(encoders.load(name).key)
    assert len(keys) == 4


def test_failures_are_not_remembered(counting, photographs, tmp_path):
    good = photographs[3].read_bytes()
    photographs[3].write_bytes(good[:50])
    shutil.copy(photographs[3], tmp_path / "copy.png")
    (tmp_path / "none.png").unlink(missing_ok=True)
    paths = [*photographs, tmp_path / "copy.png", tmp_path / "none.png"]
    got, computed = counting(paths)
    assert computed == 11
    assert np.flatnonzero(~got.ok).tolist() == [3, 12, 13]
    assert all(str(paths[row]) in got.faults[str(paths[row])] for row in (3, 12, 13))
    photographs[3].write_bytes(good)
    again, computed = counting(photographs)
    assert computed == 1
    assert again.ok.all()


def test_normalization_and_progress_come_after_the_cache(counting, photographs):
    counting(photographs[:8])
    seen = []
    got, _ = counting(
        photographs, normalize=True, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(8, 12), (12, 12)]
    np.testing.assert_allclose(np.linalg.norm(got.features, axis=1), 1, rtol=1e-5)


def test_a_second_pass_reads_no_image(counting, photographs, monkeypatch):
    old = time.time_ns() - 10**12
    for photograph in photographs:
        os.utime(photograph, ns=(old, old))
    first, _ = counting(photographs)

    def refuse(path):
        raise AssertionError(f"{path} was read")

    monkeypatch.setattr(cache_file, "content_hash", refuse)
    second, computed = counting(photographs)
    assert computed == 0
    np.testing.assert_array_equal(first.features, second.features)


def test_a_file_that_changed_just_now_is_hashed_again(counting, photographs, monkeypatch):
    counting(photographs)  # written a moment ago: its time stamp proves nothing yet
    hashed = []
    original = cache_file.content_hash
    monkeypatch.setattr(
        cache_file, "content_hash", lambda path: hashed.append(path) or original(path)
    )
    counting(photographs)
    assert len(hashed) == 12


def test_a_file_that_changes_while_it_is_embedded_is_not_remembered(home, photographs):
    encoder = encoders.load("builtin")
    lookup = cache.Lookup(encoder.key, encoder.dim, photographs[:2])
    rows = encoder.embed(photographs[:2]).features
    photographs[0].write_bytes(photographs[5].read_bytes())
    for row in (0, 1):
        lookup.keep(photographs[row], row, rows[row])
    lookup.close()
    assert cache.info().images == {encoder.key: 1}


def test_two_processes_share_the_cache(home, photographs):
    code = (
        "import sys; from curadiff import encoders\n"
        "encoder = encoders.load('builtin')\n"
        "for _ in range(15):\n"
        "    got = encoder.embed(sys.argv[1:], cache=True, batch_size=3)\n"
        "    assert got.ok.all()\n"
        "    if sys.argv[1].endswith('00.png'): encoders.cache.clear(encoder.key)\n"
        "print(float(got.features.sum()))"
    )
    orders = [photographs, photographs[::-1]]
    processes = [
        subprocess.Popen(
            [sys.executable, "-P", "-W", "error", "-c", code, *map(str, order)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for order in orders
    ]
    said = [process.communicate(timeout=100) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    want = encoders.load("builtin").embed(photographs).features.sum()
    assert [float(out) for out, _ in said] == pytest.approx([want, want], rel=1e-5)
    db = sqlite3.connect(cache.path())
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()


def test_the_least_recently_used_are_forgotten_beyond_the_limit(counting, photographs, monkeypatch):
    counting(photographs[:6])
    counting(photographs[:3])  # used again
    monkeypatch.setenv("CURADIFF_CACHE_GB", str(8 * 484 * 4 / 2**30))
    counting(photographs[6:10])
    assert sum(cache.info().images.values()) <= 8
    assert counting(photographs[6:10])[1] == 0
    assert counting(photographs[:3])[1] == 0
    assert counting(photographs[3:6])[1] > 0


def test_a_limit_of_zero_keeps_nothing(counting, photographs, monkeypatch):
    monkeypatch.setenv("CURADIFF_CACHE_GB", "0")
    assert counting(photographs)[0].ok.all()
    assert cache.info().images == {}


@pytest.mark.parametrize("given", ["much", "-1", "inf", "nan"])
def test_a_limit_that_is_no_number_is_refused(monkeypatch, given):
    monkeypatch.setenv("CURADIFF_CACHE_GB", given)
    with pytest.raises(
        SettingsError, match=f"CURADIFF_CACHE_GB must be a number >= 0, got '{given}'"
    ):
        cache.limit()


def test_clearing(counting, photographs):
    assert cache.clear() == 0
    assert cache.info().images == {}
    counting(photographs)
    counting(photographs, key="other")
    assert cache.clear("other") == 12
    with pytest.raises(SettingsError, match="nothing is kept under 'nobody'"):
        cache.clear("nobody")
    assert sum(cache.info().images.values()) == 12
    full = cache.info().bytes
    assert cache.clear() == 12
    assert cache.info().images == {}
    assert cache.info().bytes < full


def test_removing_the_file_under_a_running_embed_mixes_nothing_up(counting, home, photographs):
    encoder = encoders.load("builtin")
    rows = encoder.embed(photographs[:2]).features
    lookup = cache.Lookup("mine", encoder.dim, photographs[:2])
    cache.path().unlink()
    counting(photographs, key="other")  # takes the number that mine had
    for row in (0, 1):
        lookup.keep(photographs[row], row, -rows[row])
    lookup.close()
    assert cache.info().images == {"other": 12, "mine": 2}
    np.testing.assert_array_equal(counting(photographs[:2], key="other")[0].features, rows)


def test_a_damaged_cache_costs_a_warning_and_can_be_cleared(counting, photographs):
    cache.path().parent.mkdir(parents=True)
    cache.path().write_bytes(b"this is no database at all" * 500)
    with pytest.raises(RunError, match=r"cannot be used .*curadiff cache --clear"):
        cache.info()
    with pytest.warns(UserWarning, match=r"cannot be used .* Going on without it"):
        got, _ = counting(photographs)
    assert got.ok.all()
    assert cache.clear() == 0
    counting(photographs)
    assert counting(photographs)[1] == 0


def test_a_disk_that_fills_up_costs_a_warning(counting, photographs, monkeypatch):
    opened = cache.opened
    calls = []

    def once(*args):
        calls.append(args)
        if len(calls) > 1:
            raise RunError("the cache cannot be used (disk full);")
        return opened()

    monkeypatch.setattr(cache, "opened", once)
    with pytest.warns(UserWarning, match=r"disk full.* computed, but not kept"):
        got, _ = counting(photographs)
    assert got.ok.all()


def test_what_was_noted_when_an_image_was_read_is_said_from_the_cache_too(counting, tmp_path):
    values = np.linspace(0, 4095, 900).reshape(30, 30).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    said = "holds 12-bit values in 16 bits (up to 4,095) and was scaled so."
    for name in ("deep.png", "moved.png"):
        if name == "moved.png":
            (tmp_path / "deep.png").rename(tmp_path / name)
        found, _ = counting([tmp_path / name])
        assert found.notes == {str(tmp_path / name): f"{tmp_path / name} {said}"}


def test_another_version_of_decoding_misses(counting, photographs, monkeypatch):
    counting(photographs[:2])
    monkeypatch.setattr(cache_file, "DECODED", " decoding 99")
    found, computed = counting(photographs)
    assert computed == 12
    assert cache.info().images == {found.key: 14}
    assert cache.clear(found.key) == 14
