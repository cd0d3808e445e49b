"""Tables as spreadsheets write them are read as a reader would see them, and that is said."""

import os
import unicodedata

import pytest
from curadiff import layouts
from curadiff.common.errors import DataError


@pytest.fixture
def table(tmp_path, draw):
    def read(data, *names):
        for name in names or ("a.jpg", "b.jpg"):
            draw(tmp_path / name)
        data = data.encode() if isinstance(data, str) else data
        (tmp_path / "labels.csv").write_bytes(data)
        return layouts.read(tmp_path)

    return read


PLAIN = "file,label,size\na.jpg,Kleid aus Müll,3\nb.jpg,Größe,4\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (PLAIN.encode("utf-8-sig"), None),
        (PLAIN.replace("\n", "\r\n").encode(), None),
        (PLAIN.replace(",", ";").encode(), "separated by semicolons"),
        (PLAIN.replace(",", "\t").encode(), "separated by tabs"),
        (("sep=;\n" + PLAIN.replace(",", ";")).encode("utf-8-sig"), "separated by semicolons"),
        (("sep=,\n" + PLAIN).encode(), None),
        (PLAIN.encode("utf-16"), "read as utf-16"),
        (PLAIN.encode("utf-16-le"), "read as utf-16-le"),
        (PLAIN.replace(",", "\t").encode("utf-16"), "read as utf-16; cells are separated by tabs"),
        (PLAIN.encode("cp1252"), "read as Windows-1252"),
        (PLAIN.replace(",", ";").encode("cp1252"), "read as Windows-1252; cells are"),
    ],
)
def test_separators_and_encodings(table, data, said):
    first, second = records = table(data)
    assert (first.label, first.fields) == ("Kleid aus Müll", {"size": 3})
    assert (second.label, second.fields) == ("Größe", {"size": 4})
    assert len(records.notes) == (said is not None)
    assert said is None or said in records.notes[0]


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r"])
def test_another_script_is_not_guessed(table, encoding):
    with pytest.raises(DataError, match="not a text in UTF-8, UTF-16 or Windows-1252; save it"):
        table("file,label\na.jpg,красное платье\n".encode(encoding))


def test_decimal_commas_between_semicolons(table):
    first, second = table("file;weight\na.jpg;0,5\nb.jpg;12\n")
    assert (first.fields["weight"], second.fields["weight"]) == (0.5, 12.0)


@pytest.mark.parametrize("name", ["File", "filename", "image", "Image_Path", "FILE_NAME"])
def test_other_headers_of_the_file_column(table, name):
    records = table(f"{name},Label\na.jpg,x\n")
    assert records[0].label == "x"
    assert f"column {name!r} was taken as 'file'" in records.notes[0]
    assert "column 'Label' was taken as 'label'" in records.notes[0]


@pytest.mark.parametrize("index", ["", "Unnamed: 0"])
def test_the_index_of_pandas_is_left_out(table, index):
    records = table(f"{index},file,label\n0,a.jpg,x\n1,b.jpg,y\n")
    assert [record.fields for record in records] == [{}, {}]
    assert "counts the rows and was left out" in records.notes[0]


def test_a_column_without_a_name_that_says_something_is_kept(table):
    records = table(",file\nred,a.jpg\nblue,b.jpg\n")
    assert records[0].fields == {"column_1": "red"}
    assert "taken as 'column_1'" in records.notes[0]


def test_names_that_the_database_refuses_are_changed_and_said(table):
    records = table("file,$price,size.cm,x,x\na.jpg,1,2,3,4\n")
    assert records[0].fields == {"_price": 1, "size_cm": 2, "x": 3, "x_2": 4}
    assert "column 'size.cm' was taken as 'size_cm'" in records.notes[0]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (("9223372036854775807", "1"), (2**63 - 1, 1)),
        (("9223372036854775808", "1"), ("9223372036854775808", "1")),
        (("nan", "1.5"), (None, 1.5)),
        (("NaN", "3"), (None, 3)),
        (("NA", "true"), (None, True)),
        (("nan", "red"), ("nan", "red")),
        (("nan", "NA"), ("nan", "NA")),
    ],
)
def test_large_numbers_and_missing_ones(table, cells, values):
    records = table(f"file,x\na.jpg,{cells[0]}\nb.jpg,{cells[1]}\n")
    assert tuple(record.fields.get("x") for record in records) == values


@pytest.mark.parametrize(
    "given", ["images/A.JPG", "a", "A.jpg", "C:\\photos\\a.jpg", "/home/me/a.png", "./a.jpeg"]
)
def test_rows_that_mean_just_one_image_are_resolved(table, given):
    records = table(f"file,label\n{given},x\n")
    assert [record.label for record in records] == ["x", None]
    assert "labels.csv: 1 row names its image with another folder, ending or spelling" in str(
        records.notes
    )


def test_rows_that_may_mean_several_images_are_named(table):
    records = table("file,label\na,x\n", "one/a.jpg", "two/a.jpg")
    assert all(record.label in ("one", "two") for record in records)
    assert any("1 row fits several images (a)" in note for note in records.notes)


def test_composed_and_decomposed_letters_are_the_same_name(table):
    name = "café.jpg"
    records = table(
        f"file,label\n{unicodedata.normalize('NFC', name)},x\n", unicodedata.normalize("NFD", name)
    )
    assert records[0].label == "x"


def test_a_name_in_latin_1_is_named_and_left_out(tmp_path, draw):
    draw(tmp_path / "a.jpg")
    try:
        os.link(tmp_path / "a.jpg", os.fsencode(tmp_path) + b"/caf\xe9.jpg")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    records = layouts.read(tmp_path)
    assert [record.id for record in records] == ["a.jpg"]
    assert records.notes == ("1 image is left out: its name is no UTF-8, rename it (café.jpg).",)


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (("true", "3"), "it holds 'true' and '3'"),
        (("nan", "inf"), "the database takes no number 'inf'"),
        (("-Infinity", "2.5"), "the database takes no number '-Infinity'"),
        (("1", str(2**63)), f"the database takes no number '{2**63}'"),
        (("nan", "nan"), "all its cells say 'nan'"),
        (("true", "wool"), None),
        (("007", "3"), None),  # names
        (("red", "inf"), None),
        (("nan", "3"), None),  # a number, and an empty cell
        (("true", "false"), None),
    ],
)
def test_a_column_that_stays_text_against_its_looks_is_said(table, cells, why):
    records = table("file,size\na.jpg,{}\nb.jpg,{}\n".format(*cells))
    notes = [note for note in records.notes if "size" in note]
    assert notes == ([f"labels.csv: column 'size' stays text, as {why}."] if why else [])
    if why:
        assert [one.fields["size"] for one in records] == list(cells)
