"""The environment variables that a process started by Curadiff gets: a list of names.

Whatever else stands in the environment stays there. A cluster's RANK, WORLD_SIZE or LOCAL_RANK
would make a single training wait for others that nobody started, or end with a launcher that it
does not have; tokens of other programs are nobody's business in a training.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from fnmatch import fnmatchcase

EXTENSION = "CURADIFF_PASS_ENV"

PASSED = (
    # the system, the user, the language
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TZ", "LANG", "LANGUAGE", "LC_*"),
    *("TMPDIR", "TEMP", "TMP", "XDG_*", "LD_LIBRARY_PATH"),
    # Python, and the compilers that torch.compile calls
    *("PYTHON*", "VIRTUAL_ENV", "CONDA_PREFIX", "CC", "CXX", "CPATH", "LIBRARY_PATH"),
    # devices, threads, and the network between machines
    *("CUDA_*", "NVIDIA_*", "CUBLAS_*", "CUDNN_*", "HIP_*", "ROCR_*", "HSA_*", "GPU_DEVICE_*"),
    *("OMP_*", "MKL_*", "OPENBLAS_*", "KMP_*", "GOMP_*", "NUMEXPR_*", "RAYON_*"),
    *("NCCL_*", "GLOO_*", "UCX_*"),
    # libraries, their caches and services
    *("TORCH_*", "TORCHINDUCTOR_*", "TORCHDYNAMO_*", "PYTORCH_*", "TRITON_*"),
    *("ACCELERATE_USE_CPU", "ACCELERATE_MIXED_PRECISION", "ACCELERATE_LOG_LEVEL"),
    *("HF_*", "HUGGINGFACE_*", "TRANSFORMERS_*", "DIFFUSERS_*", "SAFETENSORS_*", "WANDB_*"),
    *("FIFTYONE_*", "CURADIFF_*", "MPLCONFIGDIR"),
    # the way to the network
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)
"""Names of variables, ``*`` for any ending; ``CURADIFF_PASS_ENV=NAME,NAME`` adds more."""

NEVER = (
    *("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "GROUP_WORLD_SIZE"),
    *("ROLE_RANK", "ROLE_WORLD_SIZE", "ROLE_NAME", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT"),
    *("TORCHELASTIC_*", "FIFTYONE_SERVER", "FIFTYONE_DISABLE_SERVICES"),
)
"""What tells a process that it is one of several, or the App's server: not its child."""


def of_child(
    added: Mapping[str, str] | None = None, *, environment: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the environment for a process that Curadiff starts.

    Args:
        added: Variables for this process alone; they win.
        environment: To choose from; by default this process's own.
    """
    given = os.environ if environment is None else environment
    more = [name.strip() for name in given.get(EXTENSION, "").split(",") if name.strip()]
    kept = {
        name: value
        for name, value in given.items()
        if _named(name, (*PASSED, *more)) and not _named(name, NEVER)
    }
    return {**kept, **(added or {}), "PYTHONSAFEPATH": "1"}


def _named(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
