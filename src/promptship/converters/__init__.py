"""Prompts and evalsets of other tools to ours, and ours to theirs; what cannot be carried over is told, with its place.

Pure but for reading the files that are converted, from one folder: templates are translated, never evaluated, and
references to environments or files outside that folder are never followed. What our own files mean is known to
`promptship.prompts` and `promptship.evalsets`.
"""

from promptship.converters._formats import export_prompt, import_files
from promptship.converters._ledger import Conversion, ConvertedFile, Remark, RemarkKind
from promptship.converters._source_folder import SourceFolder
from promptship.converters._write import find_existing, write_files

__all__ = [
    "Conversion",
    "ConvertedFile",
    "Remark",
    "RemarkKind",
    "SourceFolder",
    "export_prompt",
    "find_existing",
    "import_files",
    "write_files",
]
