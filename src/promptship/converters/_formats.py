"""The formats by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.converters._dotprompt import import_dotprompt
from promptship.converters._export_dotprompt import export_dotprompt
from promptship.converters._export_promptfoo import export_promptfoo
from promptship.converters._export_prompty import export_prompty
from promptship.converters._langfuse import import_langfuse
from promptship.converters._openai_evals import import_openai_evals
from promptship.converters._promptfoo import import_promptfoo
from promptship.converters._prompty import import_prompty
from promptship.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from promptship.converters._ledger import Conversion
    from promptship.converters._source_folder import SourceFolder
    from promptship.project import LoadedPrompt, Project
    from promptship.settings import Settings

__all__ = ["export_prompt", "import_files"]


def import_files(
    format_name: str, folder: SourceFolder, name: str | None, *, project: Path, settings: Settings
) -> Conversion:
    """Convert files of another tool to ours; nothing is written.

    Args:
        format_name: promptfoo, dotprompt, prompty, langfuse or openai-evals.
        folder: Where they lie.
        name: The file; None for what the folder holds.
        project: Folder of the project that they are for; its model configs are looked at.
        settings: Its settings.

    Raises:
        UsageError: An unknown format, or nothing of that format.
        SourceError: A file cannot be read as that format at all.
    """
    importers: dict[str, Callable[[], Conversion]] = {
        "promptfoo": lambda: import_promptfoo(folder, name, project=project, settings=settings),
        "dotprompt": lambda: import_dotprompt(folder, name, prompts_dir=settings.prompts_dir),
        "prompty": lambda: import_prompty(folder, name, prompts_dir=settings.prompts_dir),
        "langfuse": lambda: import_langfuse(folder, name, prompts_dir=settings.prompts_dir),
        "openai-evals": lambda: import_openai_evals(folder, name, settings=settings),
    }
    if format_name not in importers:
        near = did_you_mean(format_name, importers)
        raise UsageError(f"unknown format {format_name!r}{near}", hint=f"known are {', '.join(importers)}")
    return importers[format_name]()


def export_prompt(format_name: str, project: Project, reference: str) -> Conversion:
    """Convert a prompt of a project for another tool; nothing is written.

    Args:
        format_name: dotprompt, prompty or promptfoo.
        project: The project.
        reference: The prompt, as `promptctl show` takes it.

    Raises:
        UsageError: An unknown format.
        ReferenceNotFoundError: No such prompt.
        SourceError: The prompt is wrong.
    """
    exporters: dict[str, Callable[[LoadedPrompt], Conversion]] = {
        "dotprompt": export_dotprompt,
        "prompty": export_prompty,
        "promptfoo": lambda loaded: export_promptfoo(project, loaded),
    }
    if format_name not in exporters:
        near = did_you_mean(format_name, exporters)
        raise UsageError(f"unknown format {format_name!r}{near}", hint=f"known are {', '.join(exporters)}")
    return exporters[format_name](project.load_prompt(reference))
