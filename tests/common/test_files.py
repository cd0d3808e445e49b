"""A file or folder is replaced as a whole or not at all, by one function of the project."""

import pytest
from curadiff.common.files import link_or_copy, replacing, replacing_folder


@pytest.mark.parametrize("durable", [False, True])
def test_readers_see_the_old_content_until_the_block_ends(tmp_path, durable):
    path = tmp_path / "file"
    path.write_text("old")
    with replacing(path, durable=durable) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("fault", [OSError("full"), ValueError("no"), KeyboardInterrupt()])
def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path, fault):
    path = tmp_path / "file"
    path.write_text("old")

    def fail():
        with replacing(path) as part:
            part.write_text("half")
            raise fault

    with pytest.raises(type(fault)):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_takes_the_place_of_another(tmp_path):
    path = tmp_path / "folder"
    for content in ("old", "new"):
        with replacing_folder(path) as part:
            (part / content).touch()
    assert [file.name for file in path.iterdir()] == ["new"]

    def fail():
        with replacing_folder(path) as part:
            (part / "half").touch()
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert [file.name for file in path.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_copied_where_it_cannot_be_linked(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("text")
    link_or_copy(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").samefile(tmp_path / "a")
    monkeypatch.setattr("os.link", lambda *_: (_ for _ in ()).throw(OSError("no links")))
    link_or_copy(tmp_path / "a", tmp_path / "c")
    assert (tmp_path / "c").read_text() == "text"
    assert not (tmp_path / "c").samefile(tmp_path / "a")
