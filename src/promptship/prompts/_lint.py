"""What lint says of a prompt: findings of the static analysis, of the text, and its size in tokens."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from promptship.domain import ModelConfig
from promptship.errors import Problem, PromptshipError, did_you_mean
from promptship.prompts._analysis import UsePlace, analyse
from promptship.prompts._checks import declared_inputs
from promptship.prompts._closure import build_closure
from promptship.prompts._render import Renderer
from promptship.prompts._samples import sample_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from promptship.domain import Closure, JsonObject
    from promptship.prompts._analysis import Printed, TemplateUse
    from promptship.prompts._document import PromptDocument

__all__ = ["LintCode", "LintFinding", "Severity", "lint_prompt"]

Severity = Literal["error", "warning", "info"]
LintCode = Literal[
    "undeclared-input",
    "unused-input",
    "untrusted-in-system",
    "unstated-trust-in-system",
    "unreachable-branch",
    "missing-partial",
    "missing-examples",
    "unused-examples",
    "not-nfc",
    "not-renderable",
    "tokens",
]
_INSTRUCTING = ("system", "developer")
_SEVERITIES: dict[LintCode, Severity] = {
    "undeclared-input": "error",
    "unused-input": "warning",
    "untrusted-in-system": "error",
    "unstated-trust-in-system": "warning",
    "unreachable-branch": "warning",
    "missing-partial": "error",
    "missing-examples": "error",
    "unused-examples": "warning",
    "not-nfc": "warning",
    "not-renderable": "warning",
    "tokens": "info",
}
_NO_TEXT = {"integer", "number", "boolean", "null"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LintFinding:
    """One finding.

    Attributes:
        code: What kind it is.
        severity: `error` fails a lint, `warning` may be meant so, `info` is a figure.
        problem: What and where.
    """

    code: LintCode
    severity: Severity
    problem: Problem


def lint_prompt(
    document: PromptDocument,
    *,
    partials: Mapping[str, str],
    examples: Sequence[JsonObject] = (),
    count_tokens: Callable[[str], int] | None = None,
) -> list[LintFinding]:
    """Lint a prompt.

    Args:
        document: The parsed prompt.
        partials: Text of the partials that it reaches, by name; one that is not there is a finding.
        examples: Its few-shot rows, where `document.examples` names a file.
        count_tokens: Counts the tokens of a text; None for no token counts.

    Returns:
        Findings in the order of the file, partials after it, figures last. Token counts are those of the text of each
        message, rendered with values from the first example, the defaults and the schema; what a model's chat template
        adds is not in them.
    """
    rows = examples or (document.examples if isinstance(document.examples, tuple) else ())
    closure = build_closure(
        document, partials=partials, examples=rows, model=ModelConfig(name="lint", model="fake/lint")
    )
    linter = _Linter(document, closure)
    linter.check_use(analyse(document.body, closure.partials, schema=closure.input_schema))
    linter.check_normal_form()
    findings = sorted(linter.findings, key=_by_place)
    if count_tokens is not None and not any(item.severity == "error" for item in findings):
        linter.findings.clear()
        linter.count(count_tokens)
        findings += linter.findings
    return findings


def _by_place(finding: LintFinding) -> tuple[bool, str, int]:
    problem = finding.problem
    return (finding.problem.path is None, str(problem.path).endswith(".j2") * str(problem.path), problem.line or 0)


class _Linter:
    def __init__(self, document: PromptDocument, closure: Closure) -> None:
        self.findings: list[LintFinding] = []
        self._document = document
        self._closure = closure

    def add(
        self,
        code: LintCode,
        place: UsePlace | tuple[int, int],
        message: str,
        *,
        hint: str | None = None,
        word: str = "",
    ) -> None:
        """Add a finding at a place of a template or, for a pair, of the frontmatter."""
        path, line, column = (self._document.path, *place) if isinstance(place, tuple) else self._locate(place, word)
        problem = Problem(path=path, line=line, column=column, message=message, hint=hint)
        self.findings.append(LintFinding(code=code, severity=_SEVERITIES[code], problem=problem))

    def _locate(self, place: UsePlace, word: str) -> tuple[str, int, int | None]:
        text = self._closure.template if place.template is None else self._closure.partials[place.template]
        line = text.split("\n")[place.line - 1]
        found = re.search(rf"\b{re.escape(word)}\b", line) if word else None
        column = found.start() + 1 if found else None
        if place.template is not None:
            return place.template, place.line, column
        return self._document.path, place.line + self._document.body_line - 1, column

    def check_use(self, use: TemplateUse) -> None:
        """Add what the analysis of the templates found."""
        schema = self._closure.input_schema
        declared = declared_inputs(schema)
        for name, place in use.undeclared(schema).items():
            hint = "write {% history %}" if name == "history" else "declare it under input.schema"
            self.add(
                "undeclared-input",
                place,
                f"input {name!r} is not declared{did_you_mean(name, declared)}",
                hint=hint,
                word=name,
            )
        for name in use.unused(schema):
            self.add("unused-input", self._declaration(name), f"input {name!r} is declared but never used")
        for printed in use.printed_in(*_INSTRUCTING):
            self._check_trust(printed)
        for branch in use.branches:
            place = UsePlace(branch.template, branch.line)
            self.add("unreachable-branch", place, f"this branch is never taken: {branch.reason}")
        for name, place in use.missing.items():
            self.add("missing-partial", place, f"there is no partial {name!r}", word=name)
        self._check_examples(use)

    def _declaration(self, name: str) -> tuple[int, int]:
        frontmatter = self._document.frontmatter
        value = frontmatter.value if frontmatter else None
        given = value.get("input") if isinstance(value, dict) else None
        schema = given.get("schema") if isinstance(given, dict) else None
        if not isinstance(schema, dict):
            return self._document.place(("input", "schema"))
        written = [key for key in schema if key.partition("(")[0].rstrip("?").strip() == name]
        steps = (*written[:1],) if written else ("properties", name)
        return self._document.place(("input", "schema", *steps))

    def _check_trust(self, printed: Printed) -> None:
        name, role = printed.name, printed.role
        trust = self._document.trust.get(name)
        if self._is_no_text(name):
            return
        if trust == "untrusted":
            message = f"the untrusted input {name!r} may be printed in a {role} message"
            self.add("untrusted-in-system", printed.place, message, hint="move it to a user message", word=name)
        elif trust is None:
            message = f"input {name!r} is printed in a {role} message, and its trust is not stated"
            hint = f"if people outside can write it, move it to a user message; else write trust: {{{name}: plain}}"
            self.add("unstated-trust-in-system", printed.place, message, hint=hint, word=name)

    def _is_no_text(self, name: str) -> bool:
        """Say whether the schema leaves an outsider no text to choose: numbers, booleans."""
        schema = declared_inputs(self._closure.input_schema).get(name)
        named = schema.get("type") if isinstance(schema, dict) else None
        types = named if isinstance(named, list) else [named]
        enumerated = isinstance(schema, dict) and "enum" in schema and self._document.trust.get(name) is None
        return enumerated or all(item in _NO_TEXT for item in types)

    def _check_examples(self, use: TemplateUse) -> None:
        if use.examples is not None and not self._closure.examples:
            message = "the template uses 'examples', but the prompt has none"
            self.add("missing-examples", use.examples, message, word="examples")
        if self._closure.examples and use.examples is None:
            message = "the prompt has examples, but the template never uses 'examples'"
            self.add("unused-examples", self._document.place(("examples",)), message)

    def check_normal_form(self) -> None:
        """Add lines that look like others but are other bytes: text that is not in Unicode NFC."""
        for path, first, text in self._texts():
            for number, line in enumerate(text.split("\n"), first):
                column = _first_not_normal(line)
                if column:
                    message = "text that is not in Unicode NFC: other bytes than what looks the same"
                    problem = Problem(path=path, line=number, column=column, message=message)
                    self.findings.append(LintFinding(code="not-nfc", severity="warning", problem=problem))

    def _texts(self) -> Iterator[tuple[str, int, str]]:
        yield self._document.path, self._document.body_line, self._closure.template
        for name, text in self._closure.partials.items():
            yield name, 1, text

    def count(self, count_tokens: Callable[[str], int]) -> None:
        """Add a row for each message, and one for all, with their tokens."""
        closure = self._closure
        inputs = sample_inputs(closure.input_schema, closure.defaults, closure.examples)
        place = (self._document.body_line, 1)
        try:
            messages = (
                Renderer(closure, name=self._document.path, body_line=self._document.body_line).render(inputs).messages
            )
        except PromptshipError as error:
            self.add("not-renderable", place, f"no token counts: {error}", hint=error.hint)
            return
        total = 0
        for number, message in enumerate(messages, 1):
            tokens = count_tokens(message.text)
            total += tokens
            self.add("tokens", place, f"message {number} ({message.role}): {tokens} tokens")
        self.add("tokens", place, f"all {len(messages)} messages: {total} tokens")


def _first_not_normal(line: str) -> int | None:
    """Return the column of the first character that NFC changes; None where there is none."""
    if line.isascii() or unicodedata.is_normalized("NFC", line):
        return None
    normal = unicodedata.normalize("NFC", line)
    pairs = zip(line, normal, strict=False)
    return next((column for column, (one, other) in enumerate(pairs, 1) if one != other), len(normal))
