"""Prompt files as values: text to document, document to closure, closure and inputs to messages; and what lint says.

Pure: text and mappings come in, values go out. Reading files, git and settings is for `promptship.project`.
"""

from promptship.prompts._analysis import Printed, TemplateUse, UsePlace, analyse
from promptship.prompts._branches import UnreachableBranch
from promptship.prompts._closure import build_closure
from promptship.prompts._contract import diff_contract, diff_fields, semver_step
from promptship.prompts._document import PromptDocument
from promptship.prompts._fence import FENCE_SENTENCE, fence_name
from promptship.prompts._frontmatter import parse_prompt
from promptship.prompts._lint import LintCode, LintFinding, Severity, lint_prompt
from promptship.prompts._mutations import Mutation, list_mutations
from promptship.prompts._partials import collect_partials
from promptship.prompts._picoschema import parse_picoschema
from promptship.prompts._probes import ProbedRenderer
from promptship.prompts._render import Renderer
from promptship.prompts._rewrite import write_frontmatter
from promptship.prompts._samples import sample_inputs
from promptship.prompts._source import decode_source
from promptship.prompts._stored_closure import parse_closure
from promptship.prompts._text_diff import diff_lines, diff_texts
from promptship.prompts._yaml import YamlDocument, parse_yaml

__all__ = [
    "FENCE_SENTENCE",
    "LintCode",
    "LintFinding",
    "Mutation",
    "Printed",
    "ProbedRenderer",
    "PromptDocument",
    "Renderer",
    "Severity",
    "TemplateUse",
    "UnreachableBranch",
    "UsePlace",
    "YamlDocument",
    "analyse",
    "build_closure",
    "collect_partials",
    "decode_source",
    "diff_contract",
    "diff_fields",
    "diff_lines",
    "diff_texts",
    "fence_name",
    "lint_prompt",
    "list_mutations",
    "parse_closure",
    "parse_picoschema",
    "parse_prompt",
    "parse_yaml",
    "sample_inputs",
    "semver_step",
    "write_frontmatter",
]
