"""What the dots of the map are coloured by."""

import fiftyone as fo
import pytest
from curadiff.operators.panels import map_colours
from curadiff.studies.report.charts import PALETTE


@pytest.fixture
def dataset():
    """Thirty samples: ten classes of falling sizes and one without, and numbers with gaps."""
    sizes = [6, 5, 4, 3, 3, 2, 2, 1, 1, 1]
    kinds = [
        f"class-{n} of a name that is too long" for n, size in enumerate(sizes) for _ in range(size)
    ]
    made = fo.Dataset()
    made.add_samples(
        [
            fo.Sample(filepath=f"/nowhere/{n}.png", kind=kind, height=1.5 * n)
            for n, kind in enumerate([*kinds, None, None])
        ],
        progress=False,
    )
    for sample, height in zip(made[:2], (None, float("nan")), strict=True):
        sample["height"] = height
        sample["things"] = fo.Detections(detections=[fo.Detection(label="shoe", confidence=0.5)])
        sample["corners"] = fo.Keypoint(label="sole", points=[(0, 0), (1, 1)], confidence=[1, 0.5])
        sample.save()
    yield made
    made.delete()


def coloured_by(dataset, colouring):
    ids = dataset.values("id")
    return ids, map_colours.traces(dataset, colouring, ids, [(n, -n) for n in range(len(ids))])


def test_what_there_is_to_colour_by_is_listed_selections_first(dataset):
    listed = map_colours.colourings(dataset, ["newest", "older"])
    assert list(listed)[:3] == ["selection:newest", "selection:older", "nothing"]
    own = {name for name in listed if name.startswith("field:")}
    # things and the points of corners are lists, which are neither a class nor a number
    assert own == {"field:kind", "field:height", "field:corners.label", "field:corners.index"}
    for colouring in own:
        coloured_by(dataset, colouring)
    assert next(iter(map_colours.colourings(dataset, []))) == "nothing"


def test_the_largest_classes_have_a_colour_and_the_rest_is_one(dataset):
    ids, traces = coloured_by(dataset, "field:kind")
    assert sorted(id for trace in traces for id in trace["ids"]) == sorted(ids)
    without, rest, *classes = traces
    assert (without["name"], without["ids"]) == (map_colours.NO_VALUE, ids[28:])
    assert (rest["name"], len(rest["ids"])) == ("3 others", 3)
    assert [len(one["ids"]) for one in classes] == [6, 5, 4, 3, 3, 2, 2]
    assert [one["marker"]["color"] for one in classes] == list(PALETTE)
    assert all(len(one["name"]) <= map_colours.LONGEST for one in traces)
    assert classes[0]["text"][0] == "class-0 of a name that is too long"  # when it is pointed at


def test_a_number_has_a_scale_and_what_has_none_is_gray(dataset):
    ids, (without, known) = coloured_by(dataset, "field:height")
    assert (without["ids"], without["marker"]["color"]) == (ids[:2], map_colours.OTHERS)
    assert known["ids"] == ids[2:]
    assert known["marker"]["color"] == [1.5 * n for n in range(2, 30)]
    assert known["marker"]["colorbar"]["title"]["text"] == "height"
    assert known["showlegend"] is False


def test_a_field_without_a_value_and_no_colouring_draw_every_dot_gray(dataset):
    dataset.add_sample_field("empty", fo.StringField)
    for colouring in ("field:empty", "nothing"):
        ids, (only,) = coloured_by(dataset, colouring)
        assert (only["ids"], only["marker"]["color"]) == (ids, map_colours.OTHERS)
