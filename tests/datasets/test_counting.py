"""A count is believed for a while, and never after something that writes has ended."""

import fiftyone as fo
import numpy as np
import pytest
from curadiff.datasets import counting, writing


@pytest.fixture
def asked(dataset, monkeypatch):
    """Record each real count, each of which takes a second of an own clock."""
    made, clock = [], [100.0]
    real = fo.Dataset.count

    def count(self, *words, **more):
        made.append(words)
        clock[0] += 1
        return real(self, *words, **more)

    monkeypatch.setattr(fo.Dataset, "count", count)
    monkeypatch.setattr(counting.time, "monotonic", lambda: clock[0])
    writing.set_numbers(dataset, {"near": (dataset.values("id")[:3], np.ones(3))})
    return made, clock


def test_within_forty_times_its_cost_it_is_counted_once(dataset, asked):
    made, clock = asked
    assert [counting.filled(dataset, "near", marker=1) for _ in range(3)] == [3, 3, 3]
    assert len(made) == 1
    clock[0] += 39
    counting.filled(dataset, "near", marker=1)
    assert len(made) == 1
    clock[0] += 2
    counting.filled(dataset, "near", marker=1)
    assert len(made) == 2


def test_a_job_that_ends_makes_it_count_again(dataset, asked):
    made, _ = asked
    assert counting.filled(dataset, "near", marker="running") == 3
    writing.set_numbers(dataset, {"near": (dataset.values("id"), np.ones(40))})
    assert counting.filled(dataset, "near", marker="running") == 3
    assert counting.filled(dataset, "near", marker="finished") == 40
    assert len(made) == 2


def test_fields_and_data_sets_are_told_apart(dataset, asked):
    other = fo.Dataset()
    other.add_samples([fo.Sample(filepath="a.png")])
    other.add_sample_field("near", fo.FloatField)
    try:
        assert counting.filled(dataset, "near", marker=1) == 3
        assert counting.filled(other, "near", marker=1) == 0
        assert counting.filled(dataset, "filepath", marker=1) == 40
    finally:
        other.delete()
