"""Tokenizers of CLIP models, from this machine alone.

open_clip brings the tokenizer of most models. That of SigLIP, CLIPA, roberta and others is
published on the Hugging Face Hub; the package transformers reads it from the Hub's cache.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..common.errors import WeightsError, first_line

FROM_HUB = {"AutoTokenizer": "hf_tokenizer_name", "AutoConfig": "hf_model_name"}
"""Classes of transformers, with the entry of open_clip's record that names what they read."""


def load_tokenizer(model: str) -> Any:
    """Return open_clip's tokenizer of a model; nothing is downloaded."""
    import open_clip

    options: dict[str, Any] = {"local_files_only": True} if _from_hub(model) else {}
    return open_clip.get_tokenizer(model, **options)


def check_tokenizer(model: str) -> None:
    """Refuse a model whose tokenizer, or text configuration, is published apart and is not here.

    Args:
        model: open_clip's name of the architecture.

    Raises:
        WeightsError: The message says how to get it.
    """
    parts = _from_hub(model)
    if not parts:
        return
    try:
        transformers = import_module("transformers")
    except ImportError as fault:
        raise WeightsError(
            f"the tokenizer of {model} needs the package transformers, which cannot be imported "
            f"({first_line(fault)}); pip install transformers."
        ) from fault
    for kind, repo in parts.items():
        try:
            getattr(transformers, kind).from_pretrained(repo, local_files_only=True)
        except Exception as fault:  # its errors have no common base
            what = kind.removeprefix("Auto").lower()
            raise WeightsError(
                f"the {what} of {model} cannot be read from this machine ({first_line(fault)}); "
                f'fetch it once: python -c "import transformers; '
                f"transformers.{kind}.from_pretrained('{repo}')\"."
            ) from fault


def _from_hub(model: str) -> dict[str, str]:
    """Return what a model's text half takes from the Hub: class of transformers, repository."""
    import open_clip

    config: Any = open_clip.get_model_config(model) or {"text_cfg": {}}
    parts = {kind: config["text_cfg"].get(entry) for kind, entry in FROM_HUB.items()}
    return {kind: repo for kind, repo in parts.items() if repo}
