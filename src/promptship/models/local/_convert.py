"""GGUF weights to safetensors: reading GGUF takes most of a minute, reading safetensors a second."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["convert_gguf", "quiet_transformers"]


def convert_gguf(gguf: Path, folder: Path) -> None:
    """Write the model and tokenizer of a GGUF file to `folder` as safetensors in float32.

    Args:
        gguf: The file.
        folder: An empty folder.

    Raises:
        OSError: It could not be written.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with quiet_transformers():
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
        # The weights are plain floats now, but the model still says that it is quantised and refuses to be saved.
        model.hf_quantizer = None
        for owner, name in (
            (model.config, "quantization_config"),
            (model, "is_quantized"),
            (model, "quantization_method"),
        ):
            with contextlib.suppress(AttributeError):
                delattr(owner, name)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers' progress bars off stderr, where ours are."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
