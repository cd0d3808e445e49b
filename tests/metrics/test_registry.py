"""The registry says what every metric gives, and is all that a new one must be entered in."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from curadiff.config.metrics import METRICS, on_request, values
from curadiff.metrics import evaluate

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("metrics", "config")

TOY = '''"""A metric that a reader of the guide might add."""

from .statistic import mean_over_generated


def compute(c):
    """Return the share of generated images with a positive first feature."""
    return {"toy": mean_over_generated(c.generated[:, 0] > 0)}


def fields(c):
    """Return which they are."""
    return {"toy_positive": c.generated[:, 0] > 0}, {}
'''

LINE = (
    '    "toy": Metric((Value("toy", "toy share", "lower", rank_order=99),),'
    ' generated_fields=("toy_positive",)),\n'
)

USE = """
import json
import numpy as np
from curadiff.config import EvaluateSettings
from curadiff.metrics import evaluate
from curadiff.studies import comparing
x = np.random.default_rng(0).standard_normal((2, 40, 3))
evaluation = evaluate(real=x[0], generated=x[1], metrics=["toy"], bootstrap=20)
print(json.dumps({
    "offered": EvaluateSettings(metrics="toy").metrics,
    "help": "toy" in EvaluateSettings.model_fields["metrics"].description,
    "by_default": "toy" in evaluate(real=x[0], generated=x[1], null_draws=0, bootstrap=0).values,
    "value": evaluation.values["toy"],
    "expected": float((x[1][:, 0] > 0).mean()),
    "has_null_and_interval": None not in (
        evaluation.records["toy"].null, evaluation.records["toy"].interval),
    "field": evaluation.generated["toy_positive"].tolist() == (x[1][:, 0] > 0).tolist(),
    "printed": repr(evaluation),
    "in_studies": comparing.SHOWN["toy"],
    "ranks_last": comparing.RANKED_BY[-1],
}))
"""


@pytest.fixture
def copy(tmp_path):
    """The package with one file and one line more; all else is the project's own."""
    package = tmp_path / "curadiff"
    package.mkdir()
    for entry in ROOT.iterdir():
        if entry.name not in COPIED and not entry.name.startswith("."):
            (package / entry.name).symlink_to(entry)
    for name in COPIED:
        (package / name).mkdir()
        for entry in (ROOT / name).iterdir():
            if entry.suffix == ".py":
                (package / name / entry.name).write_text(entry.read_text())
    (package / "metrics" / "toy.py").write_text(TOY)
    registry = package / "config" / "metrics.py"
    before, line, after = registry.read_text().partition("METRICS: dict[str, Metric] = {\n")
    registry.write_text(before + line + LINE + after)
    return tmp_path


def test_a_metric_is_added_by_one_file_and_one_line(copy):
    path = {**os.environ, "PYTHONPATH": str(copy), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        [sys.executable, "-c", USE], env=path, cwd=copy, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["offered"] == ["toy"]
    assert seen["help"]
    assert seen["by_default"]
    assert seen["value"] == seen["expected"]
    assert seen["has_null_and_interval"]
    assert seen["field"]
    assert "\ntoy " in seen["printed"]
    assert seen["in_studies"] == ["toy share", "lower"]
    assert seen["ranks_last"] == "toy"


def test_every_metric_gives_what_its_entry_says(rng):
    real, generated, train = (rng.standard_normal((60, 8)) for _ in range(3))
    for name, metric in METRICS.items():
        evaluation = evaluate(
            real=real, generated=generated, train=train, metrics=[name], bootstrap=0, null_draws=0
        )
        assert list(evaluation.values) == [value.name for value in metric.values], name
        assert None not in evaluation.values.values(), name
        assert set(evaluation.generated) == set(metric.generated_fields), name
        assert set(evaluation.real) == set(metric.real_fields), name


def test_what_needs_training_images_or_a_request_is_left_out_without(rng):
    x = rng.standard_normal((40, 6))
    for train, more in ((None, ()), (rng.standard_normal((40, 6)), ("memorized", "authentic"))):
        values_by_default = evaluate(
            real=x, generated=x + 1, train=train, bootstrap=0, null_draws=0
        ).values
        requested = {v.name for name in on_request() for v in METRICS[name].values}
        needing = {v.name for m in METRICS.values() if m.needs_train for v in m.values}
        expected = set(values()) - requested - (needing - set(more))
        assert set(values_by_default) == expected
