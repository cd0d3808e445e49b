"""The drawn data set is repeatable, is in the layout it claims, and its truth is true."""

import hashlib
import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from curadiff import demo, layouts
from curadiff.common.errors import DataError, SettingsError
from curadiff.demo import truth as truths
from curadiff.demo.__main__ import main
from curadiff.demo.people import RARE, SHARES
from curadiff.demo.plan import plan, quota
from PIL import Image


def hashes(root):
    """Hash every file by its path below the root."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def pixels(root, file):
    with Image.open(root / file) as image:
        return np.asarray(image.convert("RGB"), dtype=np.float64)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_people(tmp_path):
    size = {"people": 20, "test": 3, "size": (48, 64)}
    for name, seed in (("a", 4), ("b", 4), ("c", 5)):
        demo.render(tmp_path / name, seed=seed, **size)
    first, second, other = (hashes(tmp_path / name) for name in "abc")
    assert len(first) == 23 * 7 + 4  # seven files a person, two pair lists, two tables
    assert first == second
    pictures = [name for name in first if "/image/" in name]
    assert all(first[name] != other[name] for name in pictures)


def test_it_reads_as_a_complete_viton_hd_root(drawn):
    records = layouts.read(drawn.root)
    assert records.layout == "vitonhd"
    assert records.notes == ()
    assert Counter(record.split for record in records) == {"train": 100, "test": 12}
    roles = {
        "agnostic",
        "agnostic_mask",
        "cloth",
        "cloth_mask",
        "openpose_keypoints",
        "parse",
        "unpaired_cloth",
    }
    assert all(set(record.related) == roles for record in records)
    truth = {(p.split, p.id): p for p in drawn.pictures}
    for record in records:
        known = truth[record.split, record.id]
        assert record.label == known.label
        assert record.fields["kind"] == known.kind
        assert record.fields.get("duplicate_of", "") == known.duplicate_of
        assert record.fields.get("outlier", "") == known.outlier


def test_column_two_is_a_permutation_without_fixed_points(drawn):
    for split in ("train", "test"):
        lines = (drawn.root / f"{split}_pairs.txt").read_text().splitlines()
        people, garments = zip(*(line.split() for line in lines), strict=True)
        assert sorted(people) == sorted(garments)
        assert all(person != garment for person, garment in zip(people, garments, strict=True))


def test_every_file_has_the_format_of_the_layout(drawn):
    modes = {"image": "RGB", "cloth": "RGB", "agnostic-v3.2": "RGB", "cloth-mask": "L"}
    modes |= {"image-parse-v3": "P", "agnostic-mask": "L"}
    for folder, mode in modes.items():
        for path in sorted((drawn.root / "test" / folder).iterdir()):
            with Image.open(path) as image:
                assert (image.mode, image.size) == (mode, (96, 128))


def test_the_label_map_describes_the_person(drawn):
    for name in drawn.ids("typical"):
        with Image.open(drawn.root / "train" / "image-parse-v3" / f"{name}.png") as image:
            labels = np.asarray(image)
        assert labels.max() < 20
        garment, face = np.isin(labels, (5, 6, 7)), labels == 13
        assert 0.08 < garment.mean() < 0.5
        assert 0.005 < face.mean() < 0.05
        rows = np.arange(labels.shape[0])[:, None]
        assert (rows * face).sum() / face.sum() < (rows * garment).sum() / garment.sum()
        occupied = labels.any(axis=1)
        assert occupied[occupied.argmax() :].all()  # from the crown down to the lower edge
        assert 4 <= occupied.argmax() <= 30


def test_keypoints_lie_on_the_limbs_that_they_name(drawn):
    on_arm = {4: 15, 7: 14}  # wrist -> arm label
    hits = Counter()
    for name in drawn.ids("typical"):
        path = drawn.root / "train" / "openpose_json" / f"{name}_keypoints.json"
        numbers = json.loads(path.read_text())["people"][0]["pose_keypoints_2d"]
        assert len(numbers) == 75
        pose = np.array(numbers).reshape(25, 3)
        with Image.open(drawn.root / "train" / "image-parse-v3" / f"{name}.png") as image:
            labels = np.asarray(image)
        x, y = pose[0, :2].astype(int)
        assert labels[y, x] == 13  # the nose is on the face
        assert pose[2, 0] < pose[5, 0]  # the right shoulder is on the picture's left
        for point, label in on_arm.items():
            x, y, seen = pose[point]
            if seen:
                patch = labels[max(0, int(y) - 4) : int(y) + 5, max(0, int(x) - 4) : int(x) + 5]
                hits[bool((patch == label).any())] += 1
    assert hits[True] > 0.9 * hits.total()  # a hand behind the back is not seen


def test_the_agnostic_picture_hides_the_garment_and_nothing_of_the_head(drawn):
    for name in drawn.ids("typical"):
        folder = drawn.root / "train"
        with Image.open(folder / "image-parse-v3" / f"{name}.png") as image:
            labels = np.asarray(image)
        with Image.open(folder / "agnostic-mask" / f"{name}_mask.png") as image:
            mask = np.asarray(image)
        assert set(np.unique(mask)) == {0, 255}
        assert mask[np.isin(labels, (5, 6, 7, 14, 15))].all()
        assert not mask[np.isin(labels, (1, 2, 13))].any()
        gray = pixels(folder, f"agnostic-v3.2/{name}.jpg")[mask == 255]
        assert abs(gray.mean() - 128) < 2


def test_the_garment_alone_has_the_colour_of_the_one_worn(drawn):
    for picture in drawn.pictures:
        if (
            picture.pattern != "plain"
            or picture.kind == "outlier"
            or picture.label == "puffer_vest"
        ):
            continue
        with Image.open(
            drawn.root / picture.split / "image-parse-v3" / f"{picture.id}.png"
        ) as image:
            worn = np.isin(np.asarray(image), (5, 6, 7))
        with Image.open(drawn.root / picture.split / "cloth-mask" / f"{picture.id}.jpg") as image:
            alone = np.asarray(image) >= 128
        assert 0.1 < alone.mean() < 0.7
        cloth = pixels(drawn.root, picture.file.replace("/image/", "/cloth/"))
        person = pixels(drawn.root, picture.file)
        gap = np.median(cloth[alone], axis=0) - np.median(person[worn], axis=0)
        assert np.abs(gap).max() < 12
        assert np.abs(cloth[0, 0] - 246).max() < 3


def test_planted_counts_and_shares(drawn):
    counts = drawn.counts()
    assert (counts["outlier"], counts["near_duplicate"]) == (3, 5)
    assert set(drawn.counts(split="test")) <= {"typical", "rare"}
    full = plan(600, 100, 0)
    train = [item for item in full if item.split == "train"]
    kinds = Counter(item.kind for item in train)
    assert kinds["outlier"] == 18
    assert kinds["near_duplicate"] == 30
    assert {item.label for item in train if item.kind == "rare"} == set(RARE) == set(drawn.rare)
    shares = Counter(item.label for item in train)
    assert [name for name, _ in shares.most_common(2)] == ["tshirt", "longsleeve"]
    assert all(0 < shares[name] < 0.02 * 600 for name in RARE)


def test_a_near_duplicate_is_nearer_to_its_original_than_any_other_picture(drawn):
    files = {p.id: p.file for p in drawn.pictures if p.split == "train"}
    kinds = {p.id: p for p in drawn.pictures}
    names = list(files)
    x = np.stack([pixels(drawn.root, file)[::4, ::4].ravel() for file in files.values()])
    for name in drawn.ids("near_duplicate"):
        original = kinds[name].duplicate_of
        assert kinds[original].kind == "typical"
        assert kinds[original].label == kinds[name].label
        gaps = np.abs(x - x[names.index(name)]).mean(axis=1)
        group = {name, original} | {n for n in names if kinds[n].duplicate_of == original}
        others = [gap for other, gap in zip(names, gaps, strict=True) if other not in group]
        assert 0 < gaps[names.index(original)] < min(others)


def test_outliers_differ_from_what_they_spoil_or_show_nobody(tmp_path):
    truth = demo.render(tmp_path / "d", people=200, test=0, size=(48, 64))
    spoiled = [p for p in truth.pictures if p.kind == "outlier"]
    assert {p.outlier for p in spoiled} == {
        "upside_down",
        "inverted",
        "blurred",
        "night",
        "chair",
        "landscape",
    }
    usual = np.mean([pixels(truth.root, p.file) for p in truth.pictures if p.kind == "typical"], 0)
    gap = {p.id: np.abs(pixels(truth.root, p.file) - usual).mean() for p in truth.pictures}
    typical = sorted(gap[name] for name in truth.ids("typical"))
    for picture in spoiled:
        with Image.open(truth.root / "train" / "image-parse-v3" / f"{picture.id}.png") as image:
            labels = np.asarray(image)
        assert labels.any() == (picture.outlier in ("upside_down", "inverted", "blurred"))
        if picture.outlier == "upside_down":
            assert labels[0].any()
            assert not labels[-1].all()
        elif picture.outlier != "blurred":  # a blurred portrait is near the mean portrait
            assert gap[picture.id] > typical[len(typical) // 2]


@pytest.mark.parametrize("count", [0, 1, 7, 100, 601])
def test_quotas_add_up_and_stay_within_one_of_the_exact_share(count):
    shares = quota(count, SHARES)
    assert sum(shares.values()) == count
    assert all(abs(n - count * SHARES[name]) < 1 for name, n in shares.items())


@pytest.mark.parametrize("people", [1, 2, 11])
def test_a_handful_of_people_is_enough(tmp_path, people):
    truth = demo.render(tmp_path / "d", people=people, test=0, size=(32, 32))
    assert len(layouts.read(truth.root)) == people == len(truth.pictures)


def test_a_finished_data_set_is_left_alone_and_an_interrupted_one_is_drawn_again(tmp_path):
    root, size = tmp_path / "d", {"people": 6, "test": 1, "size": (32, 40)}

    class Stop(Exception):
        pass

    def stop(done, total):
        assert total == 7
        if done == 3:
            raise Stop

    with pytest.raises(Stop):
        demo.render(root, progress=stop, **size)
    first = demo.render(root, **size)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    assert demo.render(root, **size) == first == truths.load(root)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    demo.render(tmp_path / "e", **size)
    assert hashes(root) == hashes(tmp_path / "e")


def test_a_folder_with_something_else_in_it_is_refused(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.jpg").write_bytes(b"x")
    with pytest.raises(DataError, match=r"holds other files and no finished truth\.json; give an"):
        demo.render(tmp_path / "mine")
    with pytest.raises(DataError, match="is a file; give a folder"):
        demo.render(tmp_path / "mine" / "photo.jpg")
    root = tmp_path / "d"
    demo.render(root, people=2, test=0, size=(32, 32))
    with pytest.raises(DataError, match="holds a drawn data set with people 2, seed 0; give"):
        demo.render(root, people=3, test=0, seed=1, size=(32, 32))
    (root / "truth.json").write_text('{"edition": 1}')
    with pytest.raises(DataError, match=r"truth\.json is damaged \('counts'\); delete"):
        demo.render(root)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"people": 0}, "people must be >= 1, got 0"),
        ({"test": -1}, "test must be >= 0, got -1"),
        ({"size": (192, 8)}, "size must be >= 32, got 8"),
    ],
)
def test_a_wrong_count_is_one_sentence(tmp_path, wrong, sentence):
    with pytest.raises(SettingsError, match=sentence):
        demo.render(tmp_path / "d", **wrong)
    assert not (tmp_path / "d").exists()


def test_a_contact_sheet_is_a_picture_of_the_data_set(drawn, tmp_path):
    demo.write_sheet(drawn.root, tmp_path / "sheet.png", columns=5, width=24)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == 5 * 28 + 4
        assert len(sheet.convert("RGB").getcolors(100_000)) > 50
    with pytest.raises(DataError, match="holds no drawn data set; draw one with python -m"):
        demo.write_sheet(tmp_path, tmp_path / "other.png")


def test_the_command_draws_says_what_is_there_and_fails_with_one_sentence(tmp_path, capsys):
    given = ["--people", "20", "--test", "2", "--size", "48", "64"]
    sheet = tmp_path / "sheet.png"
    assert main([str(tmp_path / "d"), *given, "--sheet", str(sheet)]) == 0
    assert "20 people to train on (18 typical, 1 outlier, 1 near_duplicate), 2 to test" in (
        capsys.readouterr().out
    )
    assert sheet.is_file()
    assert main([str(tmp_path / "d"), "--people", "0"]) == 1
    assert capsys.readouterr().err.strip() == "people must be >= 1, got 0."


def test_the_documentation_states_the_counts_of_the_default_set():
    page = (Path(__file__).parents[2] / "docs" / "demo-data.md").read_text()
    kinds = Counter(item.kind for item in plan(600, 100, 0) if item.split == "train")
    stated = {kind: int(n) for kind, n in re.findall(r"^\| `(\w+)` \| (\d+) \|", page, re.M)}
    assert stated == kinds
