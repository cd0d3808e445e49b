import pytest
from curadiff.studies.preview.harm_count import harm_sentence


def outcome(certain, images):
    worst = [{"low": 0.1}] * certain + [{"low": -0.1}] * (images // 2 - certain)
    return {"images": images, "worst": worst}


# P(X >= k) for X ~ Binomial(1000, .025) first falls below 5 % at k = 34 (.048; 33: .069).
@pytest.mark.parametrize(("certain", "shown"), [(0, False), (15, False), (33, False), (34, True)])
def test_more_certain_images_than_chance_gives_are_needed_to_say_that_some_harm(certain, shown):
    sentence = harm_sentence(outcome(certain, 1000))
    assert ("some do harm" in sentence) == shown
    assert ("no image is shown to harm" in sentence) != shown
    assert f"of {certain} image" in sentence
    assert "about 25" in sentence
