"""Names of the user's are refused before the first write, those of Curadiff's are its own."""

from __future__ import annotations

import fiftyone as fo
import pytest
from curadiff.common.errors import DataError
from curadiff.datasets import names
from curadiff.datasets.names import Names

EVERYTHING = Names(
    tags=["train"],
    views=["mine v1"],
    workspaces=["curadiff"],
    runs=["select_a"],
    brain_runs=["map_a"],
    fields=["covered"],
)


@pytest.fixture
def theirs():
    found = fo.Dataset()
    found.add_samples([fo.Sample(filepath="a.png", tags=["train"], covered="a text")])
    found.save_view("Mine V1", found.limit(1))
    found.save_workspace("Curadiff", fo.Space())
    found.register_run("select_a", found.init_run())
    yield found
    found.delete()


def test_everything_that_a_user_has_is_named(theirs):
    found = names.taken(theirs, "select train", EVERYTHING)
    assert len(found) == 5
    text = " ".join(found)
    for word in ("tag 'train'", "'Mine V1', in short 'mine v1'", "workspace 'Curadiff'",
                 "run 'select_a'", "field 'covered'"):  # fmt: skip
        assert word in text
    assert text.count("that Curadiff did not make") == 5
    with pytest.raises(DataError, match="choose another name, for example train-2"):
        names.check(
            theirs,
            "select train",
            Names(tags=["train"]),
            advice="choose another name, for example train-2",
        )


def test_what_is_recorded_is_the_owners_and_nobody_elses(theirs):
    names.own(theirs, "select train", EVERYTHING)
    assert names.taken(theirs, "select train", EVERYTHING) == []
    other = names.taken(theirs, "evaluate a", Names(fields=["covered"]))
    assert other == ["a field 'covered' of Curadiff's select train"]
    assert names.owners(theirs) == {"select train"}
    names.disown(theirs, EVERYTHING)
    assert len(names.taken(theirs, "select train", EVERYTHING)) == 5


def test_free_names_are_free(theirs):
    free = Names(tags=["b"], views=["b"], workspaces=["b"], runs=["b"], fields=["b", "covered_b"])
    assert names.taken(theirs, "select b", free) == []


def test_what_an_older_version_made_may_be_inherited(theirs):
    assert names.taken(theirs, "select train", EVERYTHING, inherited=True) == []


@pytest.mark.parametrize("name", ["日本", "!!", "x" * 1600])
def test_a_name_that_no_view_can_have_is_refused(theirs, name):
    with pytest.raises(DataError, match="cannot name a saved view"):
        names.check(theirs, "select x", Names(views=[name]))
