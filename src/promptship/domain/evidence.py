"""Evidence: what a run showed about one version of a prompt, in the shape in which it is signed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from promptship.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptship.domain.canonical import Digest
    from promptship.domain.gates import GateVerdict, Outcome
    from promptship.domain.json_types import JsonObject

__all__ = ["EVIDENCE_TYPE", "STATEMENT_TYPE", "Attestation", "Evidence", "GateEvidence"]

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
EVIDENCE_TYPE = "urn:promptship:evaluation:1"
"""The predicate of a statement about an evaluation; the number changes where a key changes its meaning."""

_DIGEST = "sha256:"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateEvidence:
    """What one gate said; see `GateVerdict`."""

    gate: str
    outcome: Outcome
    finding: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    decided_by: str

    @classmethod
    def of_verdict(cls, verdict: GateVerdict) -> GateEvidence:
        """Take over what counts as evidence."""
        return cls(**{name: getattr(verdict, name) for name in cls.__slots__})

    @property
    def passed(self) -> bool:
        """Whether it passed, or had nothing to be compared with, as the first version of a prompt has not."""
        return self.outcome == "pass" or (self.outcome == "warn" and self.decided_by == "no_baseline")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a complete run showed about a version.

    Attributes:
        prompt: Name of the prompt.
        digest: Digest of the version's closure: what was evaluated, and nothing else.
        evalset: Name of the evalset.
        evalset_digest: Digest of its cases, scorers and gates.
        run_id: The run.
        scoring_digest: Digest of the scorers.
        model: `provider/model` as asked for.
        served_model: The model that answered every cell, as the provider names it; "" where none says so.
        origin: Where calls went.
        outcome: What the gates say together.
        gates: What each says.
        cells: Cells of this version.
        errors: Cells of them that ended in an error.
        created_at: When the run was finished, ISO 8601 UTC.
        expires_at: When it stops counting, ISO 8601 UTC; None where only a policy's `max_age` ends it.
        judges: Digests of judges, by scorer.
        git_commit: Commit of the working tree that it ran in; None outside git.
        made_by: Version of Promptship.
    """

    prompt: str
    digest: Digest
    evalset: str
    evalset_digest: Digest
    run_id: str
    scoring_digest: str
    model: str
    served_model: str
    origin: str
    outcome: Outcome
    gates: tuple[GateEvidence, ...]
    cells: int
    errors: int
    created_at: str
    expires_at: str | None = None
    judges: Mapping[str, str] = field(default_factory=dict)
    git_commit: str | None = None
    made_by: str = ""

    def as_statement(self) -> JsonObject:
        """Return the in-toto statement that is signed: the version is its subject, all else its predicate."""
        predicate = asdict(self)
        del predicate["prompt"], predicate["digest"]
        subject: JsonObject = {"name": self.prompt, "digest": {"sha256": self.digest.removeprefix(_DIGEST)}}
        return {
            "_type": STATEMENT_TYPE,
            "subject": [subject],
            "predicateType": EVIDENCE_TYPE,
            "predicate": predicate,
        }

    @classmethod
    def from_statement(cls, value: Any) -> Evidence:
        """Read a statement.

        Raises:
            UsageError: It is no statement of this kind; the message says why.
        """
        try:
            if (value["_type"], value["predicateType"]) != (STATEMENT_TYPE, EVIDENCE_TYPE):
                said = f"a statement of type {value['predicateType']!r} is no evidence of an evaluation"
                raise UsageError(said, hint=f"this version reads {EVIDENCE_TYPE!r}")
            (subject,), predicate = value["subject"], dict(value["predicate"])
            gates = tuple(GateEvidence(**gate) for gate in predicate.pop("gates"))
            digest = f"{_DIGEST}{subject['digest']['sha256']}"
            found = cls(prompt=subject["name"], digest=digest, gates=gates, **predicate)  # type: ignore[arg-type]
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"this is no evidence of an evaluation: {error}") from None
        _require_types(found)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """Evidence that somebody signed and a registry or a lock keeps.

    Attributes:
        evidence: What was signed.
        digest: Digest of the envelope.
        keyid: Key whose signature was checked.
        key_name: Its name.
    """

    evidence: Evidence
    digest: str
    keyid: str
    key_name: str


# What an envelope from elsewhere says is read by pages and by decisions, so each value is of the type it claims.
_TEXTS = (
    *("prompt", "evalset", "evalset_digest", "run_id", "scoring_digest", "model", "served_model", "origin"),
    *("created_at", "made_by"),
)


def _require_types(evidence: Evidence) -> None:
    wrong = [name for name in _TEXTS if not isinstance(getattr(evidence, name), str)]
    wrong += [name for name in ("cells", "errors") if type(getattr(evidence, name)) is not int]
    wrong += [name for name in ("expires_at", "git_commit") if not isinstance(getattr(evidence, name), str | None)]
    wrong += ["outcome"] if evidence.outcome not in {"pass", "warn", "fail"} else []
    wrong += ["judges"] if not isinstance(evidence.judges, dict) else []
    wrong += [f"gates: {gate.gate!r}" for gate in evidence.gates if not _is_sound(gate)]
    if wrong:
        raise UsageError(f"this is no evidence of an evaluation: {', '.join(wrong)} is of another type")


def _is_sound(gate: GateEvidence) -> bool:
    figures = (gate.value, gate.low, gate.high)
    return (
        isinstance(gate.gate, str)
        and gate.outcome in {"pass", "warn", "fail"}
        and all(figure is None or isinstance(figure, int | float) for figure in figures)
    )
