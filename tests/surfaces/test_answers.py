"""What a stranger's shell gets: one screen of help, JSON alone, one line per warning, Tab."""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import shlex
import shutil
import subprocess
import warnings

import curadiff
import fiftyone as fo
import numpy as np
import pytest
from curadiff import cli, runs
from curadiff.cli import command_line, commands, completion, interruption, output, run_commands
from curadiff.cli.examples import EXAMPLES
from curadiff.common.errors import Stopped
from curadiff.config import TrainSettings
from curadiff.workflows import progress as progress_module
from curadiff.workflows import training


def run(capsys, *words: str) -> tuple[int, str, str]:
    status = cli.main(list(words))
    printed = capsys.readouterr()
    return status, printed.out, printed.err


def test_help_is_one_screen_in_the_order_of_the_work(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    order = ["import", "embed", "select", "train", "generate", "evaluate", "study", "rate"]
    places = [next(n for n, line in enumerate(lines) if line.split()[:1] == [o]) for o in order]
    assert places == sorted(places)


@pytest.mark.parametrize("command", EXAMPLES)
def test_help_begins_with_examples_that_the_command_takes(command, capsys):
    with pytest.raises(SystemExit):
        cli.main([*command.split(), "--help"])
    shown = capsys.readouterr().out
    assert max(map(len, EXAMPLES[command])) <= 78
    for line in "\n".join(EXAMPLES[command]).replace("\\\n", "").splitlines():
        assert line.split("   #")[0].strip()[:40] in shown
        words = shlex.split(line.partition(" > ")[0], comments=True)
        parsed = cli.command_line().parse(words[1:])
        assert parsed.verb == command.split()[0]


def test_every_command_has_an_example():
    commands = next(a for a in cli.command_line()._actions if hasattr(a, "_get_subactions"))
    assert {one.dest for one in commands._get_subactions()} <= set(EXAMPLES)


def test_study_help_lists_no_setting_that_a_study_takes_from_elsewhere(capsys):
    with pytest.raises(SystemExit):
        cli.main(["study", "--help-all"])
    shown = capsys.readouterr().out
    for refused in ("--select.method", "--select.budget", "--train.seed", "--train.name"):
        assert refused not in shown
    assert "--train.steps N" in shown
    assert "--evaluate.reference-size auto|native|N" in shown


def test_every_command_that_answers_with_numbers_has_json():
    parsers = next(
        action.choices
        for action in command_line()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    without = {
        name
        for name, parser in parsers.items()
        if not any("--json" in action.option_strings for action in parser._actions)
    }
    assert without == {"rate", "demo", "app", "completion"}


def test_json_is_alone_on_stdout(embedded, photos, capsys, home):
    name = embedded.name
    for words in (
        ["select", name, "--method", "coreset", "--budget", "5", "--name", "five"],
        ["select", name, "--method", "random", "--budget", "5", "--name", "chance"],
        ["compare", name, "five", "chance"],
        ["datasets"],
        ["runs"],
        ["cache"],
        ["map", name],
        ["map", name, "--similar"],
        ["embed", name, "--encoder", "builtin"],
        ["evaluate", str(photos), name, "--encoder", "builtin", "--bootstrap", "10"],
        ["train", name, "--estimate", "--network", "analytic"],
        ["rate", "plan"],
        ["rate", "status"],
    ):
        status, out, err = run(capsys, *words, "--json")
        assert status == 0, (words, err)
        answer = json.loads(out)
        assert answer is not None
        if words[0] == "select":
            assert len(answer["ids"]) == 5
        if words[0] == "compare":
            assert len(answer["both"]) + len(answer["only_a"]) == 5
        if words[0] == "datasets":
            assert {"name": name, "images": 40}.items() <= answer[-1].items()
        if words[0] == "evaluate":
            assert answer["records"]["frechet_distance"]["n_real"] == 40
    status, out, err = run(capsys, "select", name, "--method", "corset", "--json")
    assert (status, out) == (2, "")
    assert "did you mean 'coreset'?" in err


def test_what_json_cannot_say_becomes_null_or_a_name(home):
    @dataclasses.dataclass
    class Result:
        run: runs.Run
        value: float
        counts: np.ndarray
        pairs: dict

    made = runs.create("train", {}, name="one")
    written = output.plain(Result(made, float("nan"), np.arange(2), {("a", "b"): 3}))
    assert written["run"]["run"] == "one"
    assert (written["value"], written["counts"], written["pairs"]) == (None, [0, 1], {"a/b": 3})


def test_a_warning_is_one_line_without_file_and_line(capsys, monkeypatch):
    def warn(args):
        warnings.warn("the data set 'a' is not\npersistent", stacklevel=1)
        warnings.warn("invalid escape sequence", SyntaxWarning, stacklevel=1)  # for its author

    monkeypatch.setattr(commands.verbs, "list_datasets", warn)
    assert run(capsys, "datasets")[2] == "curadiff: note: the data set 'a' is not persistent\n"


def test_an_error_with_escape_sequences_is_printed_as_text(capsys, home):
    made = runs.create("train", {}, name="odd")
    made.set_status("failed", error="\x1b[31mred\x1b[0m \x1b]0;title\x07 end\x08\nnext\x9b2J")
    for words in (["runs"], ["runs", "odd"]):
        out = run(capsys, *words)[1]
        assert "red end? next?2J" in out
        assert not any(ord(letter) < 32 and letter != "\n" for letter in out)
        assert "\x9b" not in out


def test_a_folder_of_the_same_name_is_said(embedded, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / embedded.name).mkdir()
    _, out, err = run(capsys, "select", embedded.name, "--method", "random", "--budget", "3")
    assert f"{embedded.name} is taken as the data set of that name, not as the folder here" in err
    assert f"Next: curadiff train {embedded.name}:random-3" in out


def test_the_folder_that_a_data_set_was_imported_from_is_not_called_another(
    photos, capsys, tmp_path, monkeypatch
):
    shutil.copytree(photos, tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    dataset = curadiff.import_images("./mine").dataset
    try:
        status, out, err = run(capsys, "embed", "mine", "--encoder", "builtin")
        assert (status, "not as the folder" in err) == (0, False)
        assert "40 images embedded" in out
    finally:
        dataset.delete()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["embed", "a b"], "Go on with: curadiff embed 'a b'"),
        (["runs", "first", "--follow"], "first is not followed any more, and works on"),
        (["app"], "ended. Begin again with: curadiff app"),
    ],
)
def test_ctrl_c_leaves_one_sentence_and_the_command_that_goes_on(words, sentence):
    assert sentence in interruption.sentence(command_line().parse(words), words)


def test_ctrl_c_while_following_does_not_stop_the_training(home, monkeypatch, capsys):
    made = runs.create("train", TrainSettings().model_dump(mode="json"), name="first")
    stopped = []
    monkeypatch.setattr(training.diffusion, "stop", stopped.append)

    def interrupted(run, report):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "_until_ended", interrupted)
    status, _, err = run(capsys, "runs", "first", "--follow")
    assert (status, stopped) == (130, [])
    assert "works on" in err
    with pytest.raises(training.Stopped, match="curadiff train --resume first"):
        training.follow(made, progress=False)
    assert stopped == [made]


def test_time_left_is_not_that_of_what_was_done_before(monkeypatch):
    bars = []

    class Bar(progress_module.tqdm):
        def __init__(self, **options):
            super().__init__(file=io.StringIO(), **options)
            bars.append(self)

    monkeypatch.setattr(progress_module, "tqdm", Bar)
    with progress_module.reporting(True, "train", "step") as report:
        report(900, 1000)
        bars[0].start_t -= 10  # ten seconds ago
        report(910, 1000)
        bar = bars[0].format_dict
        rate = (bar["n"] - bar["initial"]) / bar["elapsed"]
        assert (bar["total"] - bar["n"]) / rate == pytest.approx(90, rel=0.05)


def test_work_that_is_stopped_before_its_end_is_told_from_a_fault_by_its_status(
    home, monkeypatch, capsys
):
    def interrupted(*_, **__):
        raise Stopped("first was stopped at step 3; go on with: curadiff train --resume first")

    monkeypatch.setattr(training, "resume", interrupted)
    status, _, err = run(capsys, "train", "--resume", "first")
    assert (status, err.count("curadiff train --resume first")) == (130, 1)
    monkeypatch.undo()
    assert run(capsys, "train", "--resume", "nothing")[0] == 2


def test_a_bar_is_shown_from_the_first_thing_that_is_done(capsys, monkeypatch):
    with progress_module.reporting(True, "embed", "image"):
        pass
    assert capsys.readouterr().err == "", "there was nothing to do"

    class Bar(progress_module.tqdm):
        def __init__(self, **options):
            super().__init__(**{**options, "mininterval": 0})

    monkeypatch.setattr(progress_module, "tqdm", Bar)
    with progress_module.reporting(True, "embed", "image") as report:
        report(1, 3)
        report(3, 3)
    shown = capsys.readouterr().err
    assert "3/3" in shown
    assert "embed: 0 image" not in shown


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_completion_is_a_script_that_its_shell_reads(shell, tmp_path):
    script = completion.script(command_line(), shell)
    for word in ("import-generated", "facility-location", "dpm-solver++"):
        assert word in script
    file = tmp_path / "script"
    file.write_text(script)
    found = shutil.which(shell)
    if found:
        done = subprocess.run([found, "-n", str(file)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_tab_completes_commands_choices_and_runs(home):
    script = completion.script(command_line(), "bash")
    runs.create("train", {}, name="first")

    def completed(*words: str) -> list[str]:
        line = " ".join(f"'{word}'" for word in words)
        code = f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _shtab_curadiff; "
        code += 'printf "%s\\n" "${COMPREPLY[@]}"'
        environment = {"CURADIFF_HOME": str(home), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            ["bash", "-c", code], capture_output=True, text=True, check=True, env=environment
        )
        return done.stdout.split()

    assert completed("curadiff", "sel") == ["select"]
    assert "coreset" in completed("curadiff", "select", "--method", "")
    assert completed("curadiff", "generate", "f") == ["first"]


def test_run_lists_stay_in_their_width():
    assert len(run_commands.one_line("word " * 100)) == run_commands.WIDTH


def test_vectors_of_the_users_are_named_before_they_are_overwritten(dataset, capsys):
    dataset.add_sample_field("mine", fo.VectorField)
    dataset.set_values("mine", list(np.eye(40, dtype=np.float32)))
    words = ["embed", dataset.name, "--encoder", "builtin", "--field", "mine"]
    status, _, err = run(capsys, *words)
    assert (status, "40 vectors that Curadiff did not make; choose another" in err) == (2, True)
    status, _, err = run(capsys, *words, "--overwrite")
    assert status == 0
    assert f"note: 'mine' of '{dataset.name}' holds 40 vectors that Curadiff did not make" in err
    assert "did not make" not in run(capsys, *words, "--overwrite")[2]


def test_results_show_themselves_in_a_line_and_in_a_notebook(embedded, home):
    selection = curadiff.select(embedded, method="random", budget=3)
    assert repr(selection) == "SelectResult('random-3', 3 samples)"
    assert selection._repr_html_().count("<img") == 1
    made = runs.create("train", {}, name="one")
    made.set_status("running", step=1000, steps=2000)
    assert "step 1,000 of 2,000" in made._repr_html_()
    (made.path / "grids").mkdir()
    (made.path / "grids" / "step-00001000.png").write_bytes(b"png")
    assert "data:image/png;base64,cG5n" in made._repr_html_()


def test_cleaning_says_what_goes_and_asks(embedded, capsys, home):
    name = embedded.name
    assert run(capsys, "select", name, "--method", "random", "--budget", "3")[0] == 0
    status, out, err = run(capsys, "clean", name)
    assert (status, "give --yes" in err) == (2, True)
    assert "random-3" in out
    assert run(capsys, "clean", name, "--yes")[0] == 0
    embedded.reload()
    assert "random-3" not in embedded.distinct("tags")
    assert json.loads(run(capsys, "clean", name, "--yes", "--json")[1])["done"] is False
