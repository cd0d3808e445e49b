"""Names of a study's things stay what they are on disk and in data sets."""

from curadiff.common.keys import generated_dataset, training_key, under, versioned


def test_names_are_those_that_stored_studies_have():
    assert training_key("coreset", 3) == "coreset-s3"
    assert training_key("coreset", 3, study="eight") == "eight-coreset-s3"
    assert under("eight", "coreset") == "eight-coreset"
    assert [versioned("eight", 1), versioned("eight", 2)] == ["eight", "eight-v2"]
    assert generated_dataset("photos", "eight") == "photos-eight"
    assert generated_dataset("photos") == "photos-generated"
