"""Presets, and combinations that cannot be trained."""

import pytest
from curadiff.common.errors import SettingsError
from curadiff.config import TrainSettings
from curadiff.config.train import PRESETS


def test_the_defaults_are_those_of_the_study():
    s = TrainSettings()
    assert s.preset == "lightly-2023"
    assert (s.image_size, s.batch_size, s.steps, s.timesteps) == (128, 32, 20_000, 1000)
    assert (s.schedule, s.prediction, s.min_snr) == ("sigmoid", "v_prediction", None)
    assert (s.learning_rate, s.weight_decay, s.warmup, s.clip) == (1e-4, 0.0, 0, 1.0)
    assert (s.ema_decay, s.ema_every, s.ema_warmup) == (0.995, 10, 100)
    assert s.horizontal_flip
    assert s.widths == [64, 96, 192, 384]


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_fills_what_is_not_given_and_leaves_what_is(name):
    filled = TrainSettings(preset=name)
    for key, value in PRESETS[name].items():
        assert getattr(filled, key) == value
    assert TrainSettings(preset=name, steps=7).steps == 7
    assert TrainSettings(**filled.model_dump()) == filled


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"multipliers": "one-two"}, "multipliers must make widths that are multiples of 8"),
        ({"multipliers": "1-0.3"}, r"multiples of 8, such as 1-2-4; '1-0.3' with base_channels 64"),
        ({"image_size": 24, "multipliers": "1-1-1-1-1"}, "image_size must be divisible by 16"),
        ({"batch_size": 10, "accumulate": 4}, "accumulate x processes = 4, got 10"),
        (
            {"preset": "quick"},
            "preset must be one of lightly-2023, fast, small-data, cpu-small, demo, got 'quick'",
        ),
        ({"min_snr": 0}, "min_snr must be > 0"),
        ({"clip": float("inf")}, "clip must be a finite number, got inf"),
        ({"multipliers": "1-inf"}, "multipliers must make widths that are multiples of 8"),
        (
            {"weighting": "snr+1", "prediction": "epsilon"},
            r"weighting snr\+1 needs prediction v_prediction or sample",
        ),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_sentence(values, sentence):
    with pytest.raises(SettingsError, match=sentence):
        TrainSettings(**values)
