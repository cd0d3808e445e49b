"""Derived pictures are no photographs: they are attached, left out and counted."""

from curadiff import layouts


def test_masks_beside_images_are_attached(tmp_path, draw):
    for name in ("a", "b", "c"):
        draw(tmp_path / "images" / f"{name}.jpg")
    for name in ("a.png", "b_mask.png", "other.png"):
        draw(tmp_path / "Masks" / name)
    draw(tmp_path / "depth" / "a.png")
    records = layouts.read(tmp_path)
    assert [record.id for record in records] == ["images/a.jpg", "images/b.jpg", "images/c.jpg"]
    assert [sorted(record.related) for record in records] == [["depth", "mask"], ["mask"], []]
    assert records[1].related["mask"] == tmp_path / "Masks" / "b_mask.png"
    assert records.notes == (
        "3 photographs and 4 pictures derived from them (3 mask, 1 depth) were found: 3 are "
        "attached to their photographs, 1 left out. Import all as photographs with "
        "companions=photographs.",
    )
    assert len(layouts.read(tmp_path, companions=False)) == 7


def test_splits_below_and_above(tmp_path, draw):
    draw(tmp_path / "train" / "images" / "a.jpg")
    draw(tmp_path / "train" / "labels" / "a.png")
    draw(tmp_path / "images" / "valid" / "b.jpg")
    draw(tmp_path / "annotations" / "valid" / "b.png")
    found = {record.id: record for record in layouts.read(tmp_path)}
    assert set(found) == {"train/images/a.jpg", "images/valid/b.jpg"}
    assert all("mask" in record.related for record in found.values())


def test_a_class_may_be_called_masks(tmp_path, draw):
    draw(tmp_path / "masks" / "a.jpg")
    draw(tmp_path / "hats" / "a.jpg")
    assert [record.label for record in layouts.read(tmp_path)] == ["hats", "masks"]
