import pytest
from curadiff.studies.preview.harm_words import harm_sentence


@pytest.mark.parametrize(
    ("outcome", "words", "not_words"),
    [
        ({"bad": 0.25}, "25% of its drawings have no real image near.", "chance"),
        ({"bad": 0.25, "harm_p": 0.005}, "more in those than chance gives (p = 0.005)", "order"),
        ({"bad": 0.25, "harm_p": 0.31}, "no more in those than chance gives (p = 0.31)", "none"),
    ],
)
def test_harm_is_said_only_where_it_differs_from_chance(outcome, words, not_words):
    assert words in harm_sentence(outcome)
    assert not_words not in harm_sentence(outcome)
