"""A project on disk: its root, its settings, its prompt files and model configs, and what git remembers of them.

Reads files and asks git, and calls no model; `promptship.lock` is all that it writes. What text means is known to
`promptship.prompts`.
"""

from promptship.project._bundle import Bundle, read_bundle, write_bundle
from promptship.project._loaded import LoadedPrompt
from promptship.project._lock import LOCK_FILE, LOCK_FOLDER, Lock, LockedLabel, load_lock, load_object, save_object
from promptship.project._models_file import ModelCatalog, parse_models
from promptship.project._project import Project
from promptship.project._root import find_root, load_settings
from promptship.project._trees import FileTree, GitTree, Tree

__all__ = [
    "LOCK_FILE",
    "LOCK_FOLDER",
    "Bundle",
    "FileTree",
    "GitTree",
    "LoadedPrompt",
    "Lock",
    "LockedLabel",
    "ModelCatalog",
    "Project",
    "Tree",
    "find_root",
    "load_lock",
    "load_object",
    "load_settings",
    "parse_models",
    "read_bundle",
    "save_object",
    "write_bundle",
]
