"""Loading a model's weights, laid out for the small batches in which it will run."""

from __future__ import annotations

import os
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptship.models.local._convert import quiet_transformers

if TYPE_CHECKING:
    import torch

__all__ = ["choose_device", "count_cores", "load_weights"]

_CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_FAST_BF16 = ("amx_bf16", "avx512_bf16")
# A model that both answers and rates texts lies in memory once; whoever uses it last lets go of it.
_LOADED: weakref.WeakValueDictionary[tuple[str, str], Any] = weakref.WeakValueDictionary()
_LOADING = threading.Lock()


def load_weights(folder: Path, dtype: str) -> Any:
    """Load a causal language model for inference, on the GPU where there is one; the same one for all who use it.

    Only safetensors are read, no code of the model's own is run, and the network is not touched.

    Args:
        folder: Config and weights.
        dtype: `float32`, `bfloat16`, `float16`, or `auto`: bfloat16 on a GPU or a processor that multiplies it in
            hardware, else float32.

    Raises:
        OSError: The folder has no readable weights.
    """
    with _LOADING:
        model = _LOADED.get((str(folder), dtype))
        if model is None:
            model = _LOADED[str(folder), dtype] = _load(folder, dtype)
        return model


def choose_device() -> str:
    """Return where models run: `cuda` where there is a GPU, else `cpu`, with as many threads as there are cores."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    torch.set_num_threads(count_cores())
    return "cpu"


def _load(folder: Path, dtype: str) -> Any:
    from transformers import AutoModelForCausalLM

    device = choose_device()
    with quiet_transformers():
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=_resolve_dtype(dtype, device),
        )
    model = model.to(device).eval()
    if device == "cpu":
        _transpose_in_memory(model)
    return model


def count_cores() -> int:
    """Return how many cores this process may use, by its affinity and its container's quota; at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = _CGROUP_QUOTA.read_text().split()
        cores = min(cores, -(-int(quota) // int(period)))
    except (OSError, ValueError):
        pass
    return max(1, cores)


def _resolve_dtype(dtype: str, device: str) -> torch.dtype:
    import torch

    if dtype == "auto":
        dtype = "bfloat16" if device == "cuda" or _has_fast_bf16() else "float32"
    return getattr(torch, dtype)


def _has_fast_bf16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return any(flag in flags for flag in _FAST_BF16)


def _transpose_in_memory(model: Any) -> None:
    """Keep each weight (out, in) as the transpose of a contiguous (in, out): the same matrix, another order in memory.

    For 4 to 32 rows the matrix product packs the usual order anew in every call, which takes longer than to multiply:
    16 rows by 49,152 x 576 take 30 ms, and 14 ms in this order.
    """
    import torch

    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            # An output layer that shares the embeddings' weight gets a copy: embeddings are read row by row.
            turned = module.weight.data.t().contiguous().t()
            module.weight = torch.nn.Parameter(turned, requires_grad=False)
