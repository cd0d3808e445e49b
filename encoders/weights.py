"""Where an encoder's weights are: a given file, this machine's caches, then the network.

Nothing here waits long for a network that is not there: before a download, one
request with a limit of a few seconds decides.
"""

from __future__ import annotations

import hashlib
import os
import threading
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..common.errors import WeightsError
from ..common.files import replacing
from ..runs import home, make_folder

if TYPE_CHECKING:
    import torch

PATIENCE = 6.0  # seconds that a hub may take to answer at all
SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")


@dataclass(frozen=True)
class Source:
    """Where the weights of one encoder are published.

    Attributes:
        repo: Repository on the Hugging Face Hub, ``""`` when there is none.
        files: File names in it, best first.
        url: Address of the same weights as one file, ``""`` when there is none.
        cached: Other places on this machine where other programs keep that file.
    """

    repo: str = ""
    files: tuple[str, ...] = ()
    url: str = ""
    cached: tuple[Path, ...] = ()

    @property
    def described(self) -> str:
        """What to look for, in words."""
        if self.repo:
            return f"{self.files[0]} of {self.repo} (on the Hugging Face Hub)"
        return self.url


def folder() -> Path:
    """Return the folder for weights that a person brings: ``<home>/weights``."""
    return home() / "weights"


def slug(encoder: str) -> str:
    """Turn an encoder's name into a file name: ``timm:resnet50`` into ``timm-resnet50``."""
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in encoder)


def locate(encoder: str, source: Source, given: str | Path | None = None) -> Path:
    """Find an encoder's weights file; download it as a last resort.

    The order: ``given``; ``<home>/weights/<encoder>.safetensors`` (.pt, .pth, .bin);
    the Hugging Face Hub's cache and torch's; then the network, unless
    ``HF_HUB_OFFLINE`` is set.

    Raises:
        WeightsError: There is no such file here and no network to get it from.
    """
    if given is not None:
        return _existing(encoder, Path(given).expanduser())
    for suffix in SUFFIXES:
        if (path := folder() / (slug(encoder) + suffix)).is_file():
            return path
    if path := cached(source):
        return path
    reason = "no network is used while HF_HUB_OFFLINE is set"
    if os.environ.get("HF_HUB_OFFLINE", "").lower() not in ("1", "true", "yes", "on"):
        try:
            return _download(encoder, source)
        except _NoDownload as fault:
            reason = str(fault)
    suffix = Path(source.files[0] if source.files else source.url).suffix or ".pt"
    raise WeightsError(
        f"the weights of {encoder} are not on this machine ({reason}); take an encoder that needs "
        "none (builtin to select, scattering to judge), name their file in the setting weights, or "
        f"download {source.described} as {folder() / (slug(encoder) + suffix)}."
    )


def _existing(encoder: str, path: Path) -> Path:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise WeightsError(
            f"the weights file {path} {what}; give {encoder} the path of its weights file."
        )
    return path


def cached(source: Source) -> Path | None:
    """Return a weights file in the caches of Hugging Face and torch, None where none is."""
    from huggingface_hub import try_to_load_from_cache

    for name in source.files if source.repo else ():
        path = try_to_load_from_cache(source.repo, name)
        if isinstance(path, str):
            return Path(path)
    return next((path for path in source.cached if path.is_file()), None)


class _NoDownload(Exception):
    """Why a download was not possible, in a few words."""


def _download(encoder: str, source: Source) -> Path:
    if not source.repo:
        return _fetch(source.url, folder() / (slug(encoder) + Path(source.url).suffix))
    from huggingface_hub import constants, errors, hf_hub_download

    _answers(constants.ENDPOINT)
    reason = ""
    for name in source.files:
        try:
            return Path(hf_hub_download(source.repo, name, etag_timeout=PATIENCE))
        except errors.LocalEntryNotFoundError as fault:  # the hub's word for: no network
            raise _NoDownload(f"the download failed: {_short(fault)}") from fault
        except errors.EntryNotFoundError:
            reason = f"{source.repo} on the hub has no {name}"
        except Exception as fault:  # the hub client's errors have no common base
            raise _NoDownload(f"the download failed: {_short(fault)}") from fault
    raise _NoDownload(reason)


def _answers(address: str) -> None:
    """Ask a server for anything at all, for `PATIENCE` seconds, name lookup included."""
    faults: list[str] = ["it did not answer"]

    def ask() -> None:
        try:
            request = urllib.request.Request(address, method="HEAD")
            urllib.request.urlopen(request, timeout=PATIENCE).close()
        except urllib.error.HTTPError:
            pass  # an answer, if an unkind one
        except (OSError, ValueError) as fault:
            faults[0] = _short(fault)
            return
        faults.clear()

    # a name lookup cannot be given a limit, a thread can be left behind
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if faults:
        raise _NoDownload(f"{address} cannot be reached: {faults[0]}")


def _fetch(url: str, target: Path) -> Path:
    """Download one file, complete or not at all."""
    parts = urllib.parse.urlsplit(url)
    _answers(f"{parts.scheme}://{parts.netloc}")
    try:
        make_folder(target.parent)
        with (
            urllib.request.urlopen(url, timeout=30) as answer,
            replacing(target) as part,
            part.open("wb") as file,
        ):
            while block := answer.read(1 << 20):
                file.write(block)
    except OSError as fault:
        raise _NoDownload(f"the download failed: {_short(fault)}") from fault
    return target


def _short(fault: BaseException) -> str:
    text = str(getattr(fault, "reason", "") or fault).strip().splitlines()
    return text[0][:200] if text else type(fault).__name__


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Read a weights file: safetensors, a torch state dict, or a TorchScript archive.

    Half-precision weights become float32. Pickles are opened without running code.

    Raises:
        WeightsError: The file is damaged or holds something else.
    """
    import torch

    try:
        state: Any = _read(path)
    except Exception as fault:  # each format has its own errors
        raise WeightsError(
            f"the weights file {path} cannot be read ({_short(fault)}); it may be damaged or "
            "incomplete: download it again."
        ) from None
    for key in ("state_dict", "model", "teacher"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    named = isinstance(state, dict) and state
    if not named or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise WeightsError(
            f"the weights file {path} holds no table of named tensors; give a state dict "
            "(.safetensors, .pt, .pth or .bin)."
        )
    return {
        key.removeprefix("module."): value.float() if value.is_floating_point() else value
        for key, value in state.items()
    }


def _read(path: Path) -> Any:
    import torch

    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as fault:
        if "TorchScript" not in str(fault):
            raise
        return torch.jit.load(path, map_location="cpu").state_dict()


def fill(
    network: torch.nn.Module, state: dict[str, torch.Tensor], *, encoder: str, path: Path
) -> None:
    """Put weights into a network, every one of them.

    Raises:
        WeightsError: Some are missing, left over or of another shape.
    """
    expected = network.state_dict()
    missing = sorted(expected.keys() - state.keys())
    extra = sorted(state.keys() - expected.keys())
    other = [k for k in expected.keys() & state.keys() if expected[k].shape != state[k].shape]
    if missing or extra or other:
        words = [
            f"{len(names)} {what}, such as {min(names)}"
            for names, what in (
                (missing, "of its tensors are missing"),
                (extra, "tensors do not belong to it"),
                (other, "have another shape"),
            )
            if names
        ]
        raise WeightsError(
            f"{path} does not hold the weights of {encoder}: {'; '.join(words)}. "
            "Give the file that belongs to this encoder."
        )
    network.load_state_dict(state)


def file_hash(path: Path) -> str:
    """Return the first 16 hex digits of the sha256 of a weights file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def state_hash(network: torch.nn.Module) -> str:
    """Return 16 hex digits that name the tensors a network computes with."""
    import torch

    digest = hashlib.sha256()
    for key, value in sorted(network.state_dict().items()):
        array = value.detach().cpu().contiguous()
        digest.update(f"{key}{tuple(array.shape)}{array.dtype}".encode())
        digest.update(array.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]
