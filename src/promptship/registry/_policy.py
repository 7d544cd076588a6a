"""`promptship.policy.yaml`: what each label asks of a version before it may point at it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from promptship.domain import digest_of, parse_gate
from promptship.errors import SourceError, UsageError, did_you_mean
from promptship.prompts import decode_source, parse_yaml
from promptship.registry._texts import check_label
from promptship.signing import parse_public_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptship.domain import Actor, GateSpec
    from promptship.prompts import YamlDocument
    from promptship.signing import PublicKey

__all__ = ["NO_POLICY", "EvidenceRule", "LabelRule", "ReleasePolicy", "parse_release_policy"]

_KEYS = ("promptship", "description", "labels", "keys")
_RULE_KEYS = ("prompts", "evidence", "max_age", "approvals", "self_approval", "may_move", "approval_age")
_EVIDENCE_KEYS = ("evalset", "gates")
_SPAN = re.compile(r"(\d+)([hd])")
_UNITS = {"h": 3600, "d": 86400}
_APPROVAL_AGE_S = 7 * 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRule:
    """An evalset that a version must have been evaluated on.

    Attributes:
        evalset: Its name.
        gates: Gates that the evidence must hold as passed; they are floors: an evalset's own gates are asked beside
            them and cannot lower them.
    """

    evalset: str
    gates: tuple[GateSpec, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRule:
    """What one label asks of some prompts.

    Attributes:
        prompts: Patterns of names, as of shells; `*` for all.
        evidence: Evalsets that must have been passed; none for "any one evalset".
        max_age_s: Seconds after which evidence does not count any more; None for no limit.
        approvals: People other than the author who must have agreed.
        self_approval: Whether the author of the version, or who asked, may be one of them.
        may_move: Patterns of actors' names, or `kind:ci`, `kind:human`, `kind:service`; empty for everybody.
        approval_age_s: Seconds for which a request can be approved.
    """

    prompts: tuple[str, ...] = ("*",)
    evidence: tuple[EvidenceRule, ...] = ()
    max_age_s: int | None = None
    approvals: int = 0
    self_approval: bool = False
    may_move: tuple[str, ...] = ()
    approval_age_s: int = _APPROVAL_AGE_S

    def covers(self, prompt: str) -> bool:
        """Whether it is about a prompt."""
        return any(fnmatchcase(prompt, pattern) for pattern in self.prompts)

    def lets_move(self, actor: Actor) -> bool:
        """Whether an actor may move the label."""
        return not self.may_move or any(
            pattern == f"kind:{actor.kind}" or fnmatchcase(actor.name, pattern) for pattern in self.may_move
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasePolicy:
    """Rules by label; the first that covers a prompt holds.

    Attributes:
        labels: Rules of each label, in the order of the file.
        digest: Digest of all rules; "" for no policy.
        keys: Keys whose evidence counts where there is no registry with a trust list of its own.
    """

    labels: dict[str, tuple[LabelRule, ...]]
    digest: str = ""
    keys: tuple[PublicKey, ...] = ()

    def rule_for(self, prompt: str, label: str) -> LabelRule | None:
        """Return the rule that a label of a prompt is under; None where it is free."""
        return next((rule for rule in self.labels.get(label, ()) if rule.covers(prompt)), None)

    def gates_for(self, prompt: str, evalset: str) -> tuple[GateSpec, ...]:
        """Return every gate that some label asks of a prompt on an evalset, each once."""
        rules = [rule for rules in self.labels.values() for rule in rules if rule.covers(prompt)]
        asked = [gate for rule in rules for one in rule.evidence if one.evalset == evalset for gate in one.gates]
        return tuple({gate.text: gate for gate in asked}.values())


NO_POLICY = ReleasePolicy(labels={})
"""Every label is free."""


def parse_release_policy(data: bytes, path: str) -> ReleasePolicy:
    """Read a policy file.

    Args:
        data: Its bytes.
        path: What errors call it.

    Raises:
        SourceError: It is wrong, with all that is wrong in it.
    """
    document = parse_yaml(decode_source(data, path=path), path=path)
    reader = _Reader(document)
    labels = reader.read(document.value)
    if reader.problems:
        raise SourceError(reader.problems)
    rules: Any = {label: [asdict(rule) for rule in found] for label, found in labels.items()}
    return ReleasePolicy(labels=labels, digest=digest_of(rules), keys=tuple(reader.keys))


class _Reader:
    """Reads key by key and keeps what is wrong with each, so that a file is mended in one go."""

    def __init__(self, document: YamlDocument) -> None:
        self._document = document
        self.problems: list[Any] = []
        self.keys: list[PublicKey] = []

    def read(self, value: Any) -> dict[str, tuple[LabelRule, ...]]:
        if not self._is_mapping((), value, _KEYS, "write `labels: {production: {evidence: [{evalset: NAME}]}}`"):
            return {}
        if value.get("promptship", 1) != 1:
            self._note(("promptship",), f"format {value['promptship']!r}; this version reads 1")
        self.keys = self._trusted(value.get("keys", {}))
        labels = value.get("labels", {})
        if not isinstance(labels, dict):
            self._note(("labels",), "labels are a mapping from a label to its rule, or to a list of rules")
            return {}
        return {label: self._rules(label, found) for label, found in labels.items()}

    def _trusted(self, value: Any) -> list[PublicKey]:
        if not isinstance(value, dict):
            self._note(("keys",), "keys are a mapping from a name to a public key in PEM")
            return []
        found = []
        for name, pem in value.items():
            try:
                found.append(parse_public_key(str(pem), name=name))
            except UsageError as error:
                self._note(("keys", name), str(error), error.hint)
        return found

    def _rules(self, label: str, value: Any) -> tuple[LabelRule, ...]:
        try:
            check_label(label)
        except UsageError as error:
            self._note(("labels", label), str(error), error.hint)
        if isinstance(value, list):
            return tuple(self._rule(("labels", label, place), one) for place, one in enumerate(value))
        return (self._rule(("labels", label), value),)

    def _rule(self, at: tuple[str | int, ...], value: Any) -> LabelRule:
        if not self._is_mapping(at, value, _RULE_KEYS, "a rule is like {evidence: [{evalset: NAME}], max_age: 14d}"):
            return LabelRule()
        return LabelRule(
            prompts=self._texts((*at, "prompts"), value.get("prompts", "*")),
            evidence=self._evidence((*at, "evidence"), value.get("evidence", [])),
            max_age_s=self._span((*at, "max_age"), value.get("max_age")),
            approvals=self._count((*at, "approvals"), value.get("approvals", 0)),
            self_approval=self._flag((*at, "self_approval"), value.get("self_approval", False)),
            may_move=self._texts((*at, "may_move"), value.get("may_move", [])),
            approval_age_s=self._span((*at, "approval_age"), value.get("approval_age")) or _APPROVAL_AGE_S,
        )

    def _evidence(self, at: tuple[str | int, ...], value: Any) -> tuple[EvidenceRule, ...]:
        if not isinstance(value, list):
            self._note(at, "evidence is a list", "write [{evalset: NAME, gates: [pass_rate >= 0.9]}]")
            return ()
        return tuple(self._evidence_rule((*at, place), one) for place, one in enumerate(value))

    def _evidence_rule(self, at: tuple[str | int, ...], value: Any) -> EvidenceRule:
        # A name alone asks for whatever gates the evalset has.
        value = {"evalset": value} if isinstance(value, str) else value
        if not self._is_mapping(at, value, _EVIDENCE_KEYS, "write {evalset: NAME, gates: [pass_rate >= 0.9]}"):
            return EvidenceRule(evalset="")
        name, gates = value.get("evalset"), value.get("gates", [])
        if not isinstance(name, str) or not name:
            self._note((*at, "evalset"), f"evalset: {name!r}; expected the name of an evalset")
        if not isinstance(gates, list):
            self._note((*at, "gates"), "gates are a list")
            gates = []
        return EvidenceRule(evalset=str(name), gates=tuple(self._gates((*at, "gates"), gates)))

    def _gates(self, at: tuple[str | int, ...], values: Sequence[Any]) -> list[GateSpec]:
        found = []
        for place, value in enumerate(values):
            try:
                found.append(parse_gate(value))
            except UsageError as error:
                self._note((*at, place), str(error), error.hint)
        return found

    def _texts(self, at: tuple[str | int, ...], value: Any) -> tuple[str, ...]:
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(one, str) and one for one in values):
            self._note(at, f"{at[-1]}: {value!r}; expected a pattern or a list of patterns")
            return ()
        return tuple(values)

    def _span(self, at: tuple[str | int, ...], value: Any) -> int | None:
        if value is None:
            return None
        match = _SPAN.fullmatch(value) if isinstance(value, str) else None
        seconds = int(match[1]) * _UNITS[match[2]] if match else 0
        if not 0 < seconds <= timedelta(days=3650).total_seconds():
            self._note(at, f"{at[-1]}: {value!r}; expected hours or days", "write 48h or 14d")
            return None
        return seconds

    def _count(self, at: tuple[str | int, ...], value: Any) -> int:
        if type(value) is not int or not 0 <= value <= 20:  # noqa: PLR2004 - more people than agree on anything
            self._note(at, f"{at[-1]}: {value!r}; expected a number of people from 0 to 20")
            return 0
        return value

    def _flag(self, at: tuple[str | int, ...], value: Any) -> bool:
        if not isinstance(value, bool):
            self._note(at, f"{at[-1]}: {value!r}; expected true or false")
            return False
        return value

    def _is_mapping(self, at: tuple[str | int, ...], value: Any, known: tuple[str, ...], hint: str) -> bool:
        if not isinstance(value, dict):
            self._note(at, f"expected a mapping, not {type(value).__name__}", hint)
            return False
        for key in value:
            if key not in known and not str(key).startswith("x-"):
                self._note((*at, key), f"unknown key {key!r}{did_you_mean(str(key), known)}")
        return True

    def _note(self, keys: tuple[str | int, ...], message: str, hint: str | None = None) -> None:
        self.problems.append(self._document.problem(keys, message, hint=hint))
