"""What a user made under a name that was a selection's, or added to one, stays theirs."""

from __future__ import annotations

import curadiff
import pytest
from curadiff.common.errors import DataError, SettingsError

from ..conftest import draw


def tagged(dataset, tag: str) -> set[str]:
    return set(dataset.match_tags(tag).values("id"))


def test_a_tag_and_view_given_after_the_run_was_deleted_are_kept(embedded):
    curadiff.select(embedded, method="random", budget=4, name="best")
    embedded.reload()
    embedded.delete_run("select_best")
    embedded.delete_saved_view("best")
    embedded.untag_samples("best")
    mine = embedded.limit(8)
    mine.tag_samples("best")
    embedded.save_view("best", mine)
    with pytest.raises(DataError, match=r"a tag 'best'.* and a saved view 'best'.*best-2"):
        curadiff.select(embedded, method="random", budget=3, name="best")
    embedded.reload()
    assert tagged(embedded, "best") == set(mine.values("id"))
    assert embedded.load_saved_view("best").values("id") == mine.values("id")


def test_samples_that_the_user_tagged_too_keep_the_tag(embedded):
    chosen = curadiff.select(embedded, method="random", budget=4, name="two").ids
    mine = [id for id in embedded.values("id") if id not in chosen][:3]
    embedded.select(mine).tag_samples("two")
    now = curadiff.select(
        embedded, method="random", budget=4, name="two", seed=1, overwrite=True
    ).ids
    assert tagged(embedded, "two") == {*mine, *now}
    assert embedded.load_saved_view("two").values("id") == now


def test_a_view_that_was_deleted_by_hand_is_made_again(embedded):
    first = curadiff.select(embedded, method="random", budget=4, name="two")
    embedded.reload()
    embedded.delete_saved_view("two")
    again = curadiff.select(embedded, method="random", budget=4, name="two")
    embedded.reload()
    assert not again.repeated
    assert embedded.load_saved_view("two").values("id") == first.ids == again.ids


def test_a_text_field_where_a_pool_has_fields_already_is_kept(embedded):
    curadiff.select(embedded, method="typicality", budget=6)  # its density is its own
    embedded.reload()
    assert embedded.get_field("builtin_flagged") is not None
    embedded.set_values("builtin_density", ["by hand"] * 40)
    second = curadiff.select(embedded, method="coreset", budget=6)
    embedded.reload()
    assert embedded.values("builtin_density") == ["by hand"] * 40
    assert second.config["shared_fields"]["density"] == "builtin_2_density"
    assert embedded.count("builtin_2_density") == 40


def test_a_text_field_in_place_of_a_pools_field_is_kept(embedded):
    curadiff.select(embedded, method="coreset", budget=6)
    embedded.reload()
    embedded.delete_sample_field("builtin_flagged")
    embedded.set_values("builtin_flagged", ["by hand"] * 40)
    second = curadiff.select(embedded, method="random", budget=6)
    embedded.reload()
    assert embedded.values("builtin_flagged") == ["by hand"] * 40
    assert second.config["shared_fields"]["flagged"] == "builtin_2_flagged"
    again = curadiff.select(embedded, method="random", budget=5)
    assert again.config["shared_fields"]["flagged"] == "builtin_2_flagged"


def test_runs_of_the_users_are_no_selections_and_no_evaluations(embedded):
    own = embedded.init_run()
    own.mine = "a note"
    for key in ("select_own", "evaluate_own", "train_own"):
        embedded.register_run(key, own)
    embedded.limit(8).tag_samples("own")
    with pytest.raises(DataError, match="tag 'own' that Curadiff did not make and a run"):
        curadiff.select(embedded, method="random", budget=3, name="own")
    with pytest.raises(DataError, match="run 'evaluate_own' that Curadiff did not make"):
        curadiff.evaluate(
            embedded.limit(20), embedded.skip(20), encoder="builtin", key="own",
            metrics="precision_recall", progress=False,
        )  # fmt: skip
    embedded.reload()
    assert len(tagged(embedded, "own")) == 8
    assert embedded.get_run_info("select_own").config.mine == "a note"
    assert embedded.get_run_info("evaluate_own").config.mine == "a note"


def test_fields_that_say_nothing_of_a_sample_are_refused_in_a_sentence(embedded):
    embedded.tag_samples("every")
    embedded.limit(3).tag_samples("more")
    for wrong, said in (
        ({"group_field": "tags", "quotas": "balanced"}, "'tags' of .* holds lists"),
        ({"weight_field": "filepath", "method": "top"}, "weights must be numbers"),
    ):
        with pytest.raises(DataError, match=said):
            curadiff.select(embedded, budget=3, name="wrong", **wrong)
    for field in ("a.b", "_x", "$x"):
        with pytest.raises(DataError, match="cannot name a field"):
            curadiff.embed(embedded, encoder="builtin", field=field, progress=False)
    with pytest.raises(SettingsError, match="seed must be <= 9007199254740992"):
        curadiff.select(embedded, budget=3, name="wrong", seed=2**63)
    assert "wrong" not in embedded.list_saved_views()


def test_a_table_may_name_columns_as_fiftyone_may_not(tmp_path):
    draw(tmp_path / "own" / "a.png", 1)
    (tmp_path / "own" / "labels.csv").write_text("file,$price,_x,id\na.png,1.5,2,3\n")
    made = curadiff.import_images(tmp_path / "own", name="test-columns").dataset
    try:
        values = {"price": 1.5, "x": 2, "id": 3}
        found = {
            next(word for word in values if word in field): made.values(field)[0]
            for field in made.get_field_schema()
            if field.endswith("_column")
        }
        assert found == values
    finally:
        made.delete()
