"""What one would type: examples that the help of each command shows, and a test parses."""

from __future__ import annotations

EXAMPLES = {
    "import": ("curadiff import ./photos --name photos",),
    "datasets": ("curadiff datasets",),
    "embed": (
        "curadiff embed photos",
        "curadiff embed photos --encoder builtin   # needs no weights",
    ),
    "map": ("curadiff map photos",),
    "similar": (
        'curadiff similar photos --text "a red dress" --save red',
        "curadiff similar photos --image ./photos/1.jpg",
    ),
    "select": (
        "curadiff select photos --method typicality --budget 1000",
        "curadiff select photos --method random --budget 1000 --seed 1",
    ),
    "compare": ("curadiff compare photos typicality-1000 random-1000",),
    "preview": (
        "curadiff preview ./photos --budget 400",
        "curadiff preview ./photos --budget 400 --embed.encoder builtin \\",
        "    --evaluate.encoder scattering   # neither needs weights",
    ),
    "train": (
        "curadiff train photos:typicality-1000 --estimate   # says how long it takes",
        "curadiff train photos:typicality-1000 --name first",
        "curadiff train --resume first --steps 40000",
    ),
    "generate": ("curadiff generate first --count 1000",),
    "import-generated": ("curadiff import-generated ~/curadiff/runs/first/generated/*",),
    "evaluate": (
        "curadiff evaluate photos-generated photos --train photos:typicality-1000 \\",
        "    --counts subsample",
    ),
    "study": (
        "curadiff study ./photos --budget 1000 --seeds 0 1 2 --dry-run   # the cost",
        "curadiff study ./photos --budget 1000 --seeds 0 1 2",
        "curadiff study status study",
    ),
    "export": ("curadiff export photos:typicality-1000 --to ./for-my-trainer",),
    "rate": (
        "curadiff rate plan   # how many votes tell two arms apart",
        "curadiff rate start photos-generated --name ours",
        "curadiff rate serve ours",
        "curadiff rate results ours",
    ),
    "rate start": (
        "curadiff rate start photos-generated --name ours",
        "curadiff rate start --folders old=./old new=./new --name ours",
    ),
    "rate serve": ("curadiff rate serve ours   # for this machine; others: --host 0.0.0.0",),
    "rate status": ("curadiff rate status ours",),
    "rate results": ("curadiff rate results ours", "curadiff rate results --file votes.csv"),
    "rate export": ("curadiff rate export ours votes.csv",),
    "rate import": ("curadiff rate import ours votes.csv",),
    "rate plan": ("curadiff rate plan",),
    "runs": (
        "curadiff runs",
        "curadiff runs first --follow",
    ),
    "clean": ("curadiff clean photos --study study",),
    "cache": ("curadiff cache", "curadiff cache --clear features"),
    "doctor": ("curadiff doctor",),
    "demo": ("curadiff demo",),
    "app": ("curadiff app photos",),
    "completion": (
        "curadiff completion bash > ~/.local/share/bash-completion/completions/curadiff",
    ),
}


def described(command: str, sentence: str) -> str:
    """Return what a command is for, and its examples, one a line."""
    return "\n".join([sentence, "", "examples:", *(f"  {line}" for line in EXAMPLES[command])])
