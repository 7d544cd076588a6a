"""A project on disk: its root, its settings, its prompt files and model configs, and what git remembers of them.

Reads files and asks git; writes nothing and calls no model. What text means is known to `promptship.prompts`.
"""

from promptship.project._loaded import LoadedPrompt
from promptship.project._models_file import ModelCatalog, parse_models
from promptship.project._project import Project
from promptship.project._root import find_root, load_settings
from promptship.project._trees import FileTree, GitTree, Tree

__all__ = [
    "FileTree",
    "GitTree",
    "LoadedPrompt",
    "ModelCatalog",
    "Project",
    "Tree",
    "find_root",
    "load_settings",
    "parse_models",
]
