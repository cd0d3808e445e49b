"""Words of sentences to a person."""

from curadiff.common.words import plural


def test_one_is_said_as_one_and_others_with_separated_thousands():
    assert plural(1, "image") == "1 image"
    assert plural(0, "image") == "0 images"
    assert plural(2031, "file") == "2,031 files"
    assert (plural(1, "person", "people"), plural(2, "person", "people")) == (
        "1 person",
        "2 people",
    )
