"""The shell: what each command prints, and the sentence for one wrong value per verb."""

from __future__ import annotations

import shlex
from types import SimpleNamespace

import pytest
from curadiff import diffusion, runs
from curadiff.cli import command_line, flags, main, verbs
from curadiff.cli.app import ROOT, link_plugin
from curadiff.cli.flags import given_settings
from curadiff.cli.settings_file import merged
from curadiff.common.errors import EnvironmentFault
from curadiff.config import VERBS, StudySettings, TrainSettings, choices
from curadiff.studies.arm_images import choice_of
from curadiff.studies.preview import engine
from curadiff.studies.preview.arms import ArmImages, study_arms
from curadiff.studies.preview.result import PreviewResult
from curadiff.workflows.doctor import disk_of
from curadiff.workflows.select_result import SelectResult
from curadiff.workflows.selecting import select


def said(capsys, *words: str) -> tuple[int, str, str]:
    status = main(list(words))
    printed = capsys.readouterr()
    return status, printed.out, printed.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["import", "no-such-folder"], "no data set is named 'no-such-folder'"),
        (
            ["study", "no/such/folder"],
            "no/such/folder does not exist; give DATASET",
        ),
        (["embed", "none", "--batch-size", "0"], "batch_size must be >= 1, got 0"),
        (["select", "none", "--method", "corset"], "did you mean 'coreset'?"),
        (["train", "none", "--image-size", "33"], "image_size must be a multiple of 8, got 33"),
        (["train", "none", "--start-from", "a.pt"], "a .pt file needs network lucidrains"),
        (["train", "--resume", "nothing"], "no run 'nothing'"),
        (["generate", "nothing"], "no run 'nothing'"),
        (["generate", "nothing", "--count", "many"], "count must be a whole number, got 'many'"),
        (["import-generated", "."], "has no generated.json"),
        (["evaluate", "a", "b", "--k", "0"], "k must be >= 1, got 0"),
        (["study", "none", "--seeds", "0", "0"], "seeds must be different numbers"),
        (["study", "none", "--seeds", "0,1,0"], "seeds must be different numbers"),
        (["study", "none", "--arms", "random,corset"], "one of full, random, coreset, "),
        (["study", "none", "--arms", "random,corset"], "got 'corset' (did you mean 'coreset'?)"),
        (["study", "none", "--train.steps", "0"], "train.steps must be >= 1, got 0"),
        (["runs", "nothing", "--stop"], "no run 'nothing'"),
        (["runs", "--stop"], "--stop needs the run"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_one_wrong_value_is_one_sentence(words, sentence, capsys, home):
    status, out, err = said(capsys, *words)
    assert status == 2
    assert sentence in err
    assert "Traceback" not in err + out
    assert len(err.strip().splitlines()) == 1


def test_a_wrong_command_is_answered_with_the_nearest(capsys):
    with pytest.raises(SystemExit):
        main(["selct", "photos"])
    said = capsys.readouterr().err
    assert "there is no command 'selct' (did you mean 'select'?) (commands: import, " in said


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_help_shows_choices_and_no_empty_defaults(verb, capsys):
    with pytest.raises(SystemExit):
        main([verb, "--help-all"])
    shown = capsys.readouterr().out
    assert "TEXT" not in shown.replace("--text TEXT", "")
    for name, field in VERBS[verb].model_fields.items():
        for choice in choices(field) or ():
            assert str(choice) in shown, (name, choice)
        if field.default is None or field.default == "":
            assert "default:" not in flags._help(field)


def test_a_selection_shows_itself_in_a_line():
    found = SelectResult("ten", ["6" * 24] * 4000, None, {})
    assert repr(found) == "SelectResult('ten', 4,000 samples)"


def test_a_flag_that_goes_with_nothing_is_refused(capsys, home):
    with pytest.raises(SystemExit):
        main(["train", "photos", "--resume", "a"])
    assert "give no data set and no --estimate" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["train"])
    assert "a data set is needed, or --resume RUN" in capsys.readouterr().err


def test_a_training_goes_on_longer(capsys, home, monkeypatch):
    run = runs.create("train", TrainSettings(steps=5).model_dump(mode="json"), name="a")
    run.set_status("finished", step=5)

    def start(run, changes):
        diffusion.change(run, **changes)
        run.set_status("finished", step=9)

    monkeypatch.setattr(diffusion, "start", start)
    assert main(["train", "--resume", "a", "--steps", "9", "--device", "cpu"]) == 0
    assert run.settings["steps"] == 9
    assert run.record["changes"] == [{"step": 5, "before": {"steps": 5, "device": "auto"}}]
    _, _, err = said(capsys, "train", "--resume", "a", "--seed", "3")
    assert "seed cannot change once a training has begun" in err


def test_following_a_training_that_was_never_started_says_so(capsys, home):
    runs.create("train", TrainSettings().model_dump(mode="json"), name="a")
    assert (
        "a was never started; start it with: curadiff runs a --resume"
        in said(capsys, "runs", "a", "--follow")[2]
    )


def test_runs_are_listed_shown_and_deleted(capsys, home):
    assert "There are no runs" in said(capsys, "runs")[1]
    runs.create("train", {}, name="one").set_status("finished", step=4, steps=4)
    listed = said(capsys, "runs")[1].splitlines()[1].split()
    assert listed[:5] == ["one", "train", "finished", "4/4", "steps"]
    assert "state: finished" in said(capsys, "runs", "one")[1]
    assert "is not running" in said(capsys, "runs", "one", "--stop")[2]
    assert "one thing at a time" in said(capsys, "runs", "one", "--stop", "--delete")[2]
    status, out, err = said(capsys, "runs", "one", "--delete")
    assert (status, "This deletes" in out, "give --yes" in err) == (2, True, True)
    assert said(capsys, "runs", "one", "--delete", "--yes")[0] == 0
    assert not runs.listing()


def test_a_running_run_is_not_deleted(capsys, home):
    run = runs.create("train", {}, name="busy")
    with runs.Lease(run.path):
        status, _, err = said(capsys, "runs", "busy", "--delete", "--yes")
    assert (status, run.path.exists()) == (2, True)
    assert "stop it first" in err


def test_select_and_evaluate_print_what_comes_next(embedded, photos, capsys):
    name = embedded.name
    _, out, _ = said(capsys, "select", name, "--method", "coreset", "--budget", "5")
    assert "coreset-5: 5 of 40 samples tagged" in out
    assert f"curadiff train {name}:coreset-5" in out
    status, out, _ = said(
        capsys, "evaluate", str(photos), name, "--encoder", "builtin", "--bootstrap", "10"
    )
    assert status == 0
    assert "frechet_distance" in out
    row = next(line for line in out.splitlines() if line.startswith("frechet_distance"))
    assert "40 / 40" in row


def test_doctor_is_healthy_where_the_disk_holds_a_study(capsys, monkeypatch):
    need = disk_of(StudySettings())
    disk = SimpleNamespace(free=0)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: disk)
    for free, healthy in ((need + 1, True), (need, False)):
        disk.free = free
        status, out, _ = said(capsys, "doctor")
        assert (status == 0) == healthy, out
        for subject in ("fiftyone", "device", "database", "weights"):
            assert f"ok  {subject}" in out
        assert f"{'ok' if healthy else '!!'}  disk         {free / 1e9:.0f} GB free in " in out


def test_doctor_says_which_default_encoders_are_missing_and_what_needs_none(capsys, home):
    out = said(capsys, "doctor")[1]
    here = home / "weights"
    here.mkdir(parents=True)
    (here / "clip-vit-b32.pt").touch()
    again = said(capsys, "doctor")[1]
    line = "--  encoder      clip-vit-b32 is not here, which embed takes by default; take --encoder"
    assert f"{line} builtin" in out
    assert "ok  encoder      clip-vit-b32 is here, which embed takes by default" in again


def test_the_cache_says_what_it_holds(capsys, home):
    assert "0.0 MB" in said(capsys, "cache")[1]
    assert "0 features forgotten" in said(capsys, "cache", "--clear")[1]


def test_settings_in_files_are_laid_under_flags():
    assert merged({"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"c": 4}}) == {
        "a": 1,
        "b": {"c": 4, "d": 3},
    }


def test_the_plugin_is_linked_once(tmp_path):
    link_plugin(tmp_path)
    link_plugin(tmp_path)
    assert [link.resolve() for link in tmp_path.iterdir()] == [ROOT]


def test_the_plugins_of_others_stay_when_ours_is_linked(tmp_path):
    for name, manifest in (("broken", "a: ["), ("odd", "- name"), ("curadiff", "name: theirs")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "fiftyone.yml").write_text(manifest)
    with pytest.raises(EnvironmentFault, match="is no plugin of Curadiff; move it away"):
        link_plugin(tmp_path)
    assert (tmp_path / "curadiff" / "fiftyone.yml").read_text() == "name: theirs"
    (tmp_path / "curadiff").rename(tmp_path / "theirs")
    (tmp_path / "curadiff").symlink_to(tmp_path / "moved-away")
    link_plugin(tmp_path)
    assert (tmp_path / "curadiff").resolve() == ROOT


def test_jobs_are_stopped_and_resumed_like_trainings(capsys, home):
    runs.create("job", {}, name="work").set_status("finished")
    assert "work is not running (it is finished)" in said(capsys, "runs", "work", "--stop")[2]
    assert "has finished" in said(capsys, "runs", "work", "--resume")[2]


def test_the_study_after_a_preview_is_of_what_was_previewed(monkeypatch, embedded):
    def preview(source, *, arms, **_):
        words, others = study_arms(arms, embedded)
        empty = {"run": None, "page": None, "outcomes": [], "real": {}, "generated": None}
        return PreviewResult(**empty, study_arms=tuple(words), not_in_study=tuple(others))

    monkeypatch.setattr(engine, "preview", preview)
    select(embedded, method="random", budget=7, name="seven")
    select(embedded, method="random", budget=6, name="six")
    embedded.delete_saved_view("six")
    embedded.take(9, seed=1).tag_samples("a tag")
    embedded.take(5, seed=2).tag_samples("one, two")
    embedded.save_view("best of all", embedded.limit(4))
    own = ["a tag", "best of all", "seven", "six"]
    arms = ["random", "kmeans", *own, "kmeans-less-5"]
    words = ["preview", "my photos", "--arms", *arms, "--held-out", "0.3"]
    words += ["--budget", "50", "--group-field", "the photographer", "--steps", "9"]
    words += ["--embed.encoder", "builtin", "--no-select.report", "--evaluate.metrics", "vendi"]
    words += ["--select.quotas", "round=4,other x=2", "--select.group-field", "label.label"]
    given = command_line().parse(words)
    answer = verbs.preview(given)
    assert answer.text is not None
    assert answer.text.endswith("\nNot in the study below: kmeans-less-5.")
    (printed,) = answer.next
    program, *following = shlex.split(printed)
    study = command_line().parse(following)
    same = given_settings(study, VERBS["study"])
    assert (program, study.SOURCE) == ("curadiff", ["my photos"])
    assert same.pop("seeds") == ["0", "1", "2"]
    previewed = given_settings(given, VERBS["preview"])
    del previewed["steps"]  # a preview's own
    assert same == {**previewed, "arms": same["arms"]}
    study_has = {arm.name: arm for arm in StudySettings(**same).arms}
    assert list(study_has) == ["random", "kmeans", "a-tag", "best-of-all", "seven", "six"]
    assert [study_has[name].method for name in ("random", "kmeans")] == ["random", "kmeans"]
    pool = embedded.values("id")
    images = ArmImages(None, None, embedded, None, {}, {})  # type: ignore[arg-type]
    sizes = {}
    for name in own:
        arm = study_has[name.replace(" ", "-")]
        previewed_ids = set(images._chosen_by_user(name))
        assert set(choice_of(arm, embedded, pool)) == previewed_ids
        sizes[name] = len(previewed_ids)
    assert sizes == {"a tag": 9, "best of all": 4, "seven": 7, "six": 6}
    given.arms = ["one, two", "full"]
    assert "--arms full" in verbs.preview(given).next[0]
    given.arms = ["random-less-5"]
    assert verbs.preview(given).next == ()
