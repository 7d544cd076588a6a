"""Runs as JUnit XML, for the test tab of a CI system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.report._escaping import escape_xml
from promptship.report._figures import plain
from promptship.report._reading import as_text, case_order, explain, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from promptship.domain import CellRecord, GateVerdict, Variant
    from promptship.report._run_like import RunLike

__all__ = ["render_junit"]

_LONGEST_TEXT = 20_000


def render_junit(runs: Sequence[RunLike]) -> str:
    """Render runs as JUnit XML: a suite per evalset and variant, a test case per cell and per gate.

    The file fails where the verdict fails, and only there: a case that did not pass is a failure (or an error) where a
    gate of its suite failed or nothing was decided, and skipped with its reason where the gates tolerate it. A gate
    that only warns passes and says so in `system-out`.
    """
    suites = [suite for run in runs for suite in _suites(run)]
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", *suites, "</testsuites>", ""])


def _suites(run: RunLike) -> Iterator[str]:
    records = sorted(run.records(), key=case_order)
    several = len(run.manifest.variants) > 1
    for index, variant in enumerate(run.manifest.variants):
        gates = [gate for gate in run.verdict.gates if gate.subject in {"", variant.label}] if run.verdict else []
        # A gate over all variants is one test, not one per suite.
        if several and index:
            gates = [gate for gate in gates if gate.subject]
        cells = [record for record in records if record.key.variant == index]
        yield _suite(run, variant, cells, gates)


def _suite(run: RunLike, variant: Variant, cells: list[CellRecord], gates: list[GateVerdict]) -> str:
    decided = run.verdict is not None and run.verdict.outcome != "fail"
    strict = not decided and (not gates or any(gate.outcome == "fail" for gate in gates))
    manifest = run.manifest
    body = list(_properties(run, variant))
    suite = f"{manifest.evalset} / {variant.label}" if variant.label else manifest.evalset
    required = frozenset(manifest.required)
    body += [_case(suite, record, required, strict=strict, repeats=manifest.repeats) for record in cells]
    body += [_gate(suite, gate) for gate in gates]
    failures, errors, skipped = (
        sum(f"\n    <{tag} " in item for item in body) for tag in ("failure", "error", "skipped")
    )
    time_s = sum(record.output.latency_s for record in cells if record.output)
    attributes = {
        "name": suite,
        "tests": str(len(cells) + len(gates)),
        "failures": str(failures),
        "errors": str(errors),
        "skipped": str(skipped),
        "time": f"{time_s:.3f}",
        "timestamp": manifest.created,
    }
    return "\n".join([f"<testsuite {_attributes(attributes)}>", *body, "</testsuite>"])


def _properties(run: RunLike, variant: Variant) -> Iterator[str]:
    manifest = run.manifest
    pairs = {
        "run_id": manifest.run_id,
        "evalset": manifest.evalset,
        "evalset_digest": manifest.evalset_digest,
        "prompt": variant.prompt,
        "digest": variant.digest,
        "model": variant.model_id,
        "git_commit": manifest.git_commit or "",
        "outcome": run.verdict.outcome if run.verdict else "",
    }
    yield "  <properties>"
    for name, value in pairs.items():
        if value:
            yield f"    <property {_attributes({'name': name, 'value': value})}/>"
    yield "  </properties>"


def _case(suite: str, record: CellRecord, required: frozenset[str], *, strict: bool, repeats: int) -> str:
    path, _, line = record.case_place.rpartition(":")
    attributes = {
        "classname": suite,
        "name": record.key.case_id + (f" [repeat {record.key.repeat + 1}]" if repeats > 1 else ""),
        "time": f"{record.output.latency_s if record.output else 0:.3f}",
    }
    if path:
        attributes |= {"file": path, "line": line}
    head = f"  <testcase {_attributes(attributes)}"
    if record.outcome == "passed":
        return head + "/>"
    reasons = [f"{who}: {reason}" for who, reason in explain(record, required)]
    message = "; ".join(reasons)
    if record.outcome == "unscored" or not strict:
        told = message if record.outcome == "unscored" else f"{record.outcome}, tolerated by the gates: {message}"
        return f"{head}>\n    <skipped {_attributes({'message': told})}/>\n  </testcase>"
    tag, kind = ("error", record.error.kind) if record.error else ("failure", "failed")
    text = escape_xml(_detail(record, reasons))
    return f"{head}>\n    <{tag} {_attributes({'message': message, 'type': kind})}>{text}</{tag}>\n  </testcase>"


def _detail(record: CellRecord, reasons: list[str]) -> str:
    parts = [*reasons, ""] + [f"{name}: {as_text(value)}" for name, value in record.inputs.items()]
    if record.expected is not None:
        parts.append(f"expected: {as_text(record.expected)}")
    if record.output is not None:
        parts.append(f"output: {record.output.text or as_text(record.output.data)}")
    return "\n".join(parts)[:_LONGEST_TEXT]


def _gate(suite: str, gate: GateVerdict) -> str:
    name = f"gate: {gate.gate}" + (f" ({gate.subject})" if gate.subject else "")
    head = f"  <testcase {_attributes({'classname': suite, 'name': name, 'time': '0.000'})}>"
    said = f"{gate.finding}: value {plain(gate.value)}, n = {gate.n}"
    if reason := reason_of(gate):
        said = f"{said}; {reason}"
    if gate.outcome == "fail":
        return f"{head}\n    <failure {_attributes({'message': said, 'type': gate.finding})}></failure>\n  </testcase>"
    return f"{head}\n    <system-out>{escape_xml(said)}</system-out>\n  </testcase>"


def _attributes(pairs: dict[str, str]) -> str:
    return " ".join(f'{name}="{escape_xml(value)}"' for name, value in pairs.items())
