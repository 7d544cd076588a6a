"""Policies: gates and limits that hold over evalsets, in a file of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from promptship.domain import GateSpec, parse_gate
from promptship.errors import SourceError, UsageError, did_you_mean
from promptship.prompts import decode_source, parse_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from promptship.domain import OnInconclusive, Outcome
    from promptship.prompts import YamlDocument

__all__ = ["Policy", "load_policy"]

_KEYS = (
    "promptship",
    "description",
    "gates",
    "max_error_rate",
    "min_scored",
    "on_inconclusive",
    "no_baseline",
    "judges",
)
_KINDS = ("threshold", "baseline")
_CHOICES = ("observed", "pass", "warn", "fail")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is asked of a run beside, or instead of, its evalset's own gates.

    Attributes:
        gates: They replace the evalset's own where there are any.
        max_error_rate: Share of cells, 0 to 1, that may have ended in an error.
        min_scored: Share of cells without an error, 0 to 1, that must have been scored.
        threshold_inconclusive: What an inconclusive threshold does where the gate itself says nothing.
        baseline_inconclusive: What an inconclusive gate against a baseline does.
        no_baseline: What a gate does that has nothing to compare with; None leaves it to the gate.
        judges: `admitted` fails a gate that depends on a judge without a card, or that its card does not admit there;
            `any` takes every judge.
    """

    gates: tuple[GateSpec, ...] = ()
    max_error_rate: float = 0.01
    min_scored: float = 0.99
    threshold_inconclusive: OnInconclusive = "observed"
    baseline_inconclusive: OnInconclusive = "warn"
    no_baseline: Outcome | None = None
    judges: Literal["any", "admitted"] = "any"


def load_policy(path: Path) -> Policy:
    """Read a policy file.

    Raises:
        SourceError: It cannot be read or is wrong, with all that is wrong in it.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError.at(path, None, None, f"the policy cannot be read: {error.strerror}") from None
    document = parse_yaml(decode_source(data, path=str(path)), path=str(path))
    value = document.value
    if not isinstance(value, dict):
        raise SourceError([document.problem((), "a policy is a mapping", hint="write `gates: [pass_rate >= 0.9]`")])
    reader = _Reader(document)
    policy = reader.read(value)
    if reader.problems:
        raise SourceError(reader.problems)
    return policy


class _Reader:
    """Reads keys one by one and keeps what is wrong with each."""

    def __init__(self, document: YamlDocument) -> None:
        self._document = document
        self.problems: list[Any] = []

    def read(self, value: dict[str, Any]) -> Policy:
        for key in value:
            if key not in _KEYS and not key.startswith("x-"):
                self._note((key,), f"unknown key {key!r} in a policy{did_you_mean(key, _KEYS)}")
        if value.get("promptship", 1) != 1:
            self._note(("promptship",), f"format {value['promptship']!r}; this version reads 1")
        asked = value.get("on_inconclusive", {})
        if not isinstance(asked, dict) or set(asked) - set(_KINDS):
            self._note(("on_inconclusive",), "expected {threshold: ..., baseline: ...}")
            asked = {}
        return Policy(
            gates=tuple(self._gates(value.get("gates", []))),
            max_error_rate=self._share(value, "max_error_rate", 0.01),
            min_scored=self._share(value, "min_scored", 0.99),
            threshold_inconclusive=self._choice(asked, ("on_inconclusive", "threshold"), _CHOICES, "observed"),
            baseline_inconclusive=self._choice(asked, ("on_inconclusive", "baseline"), _CHOICES, "warn"),
            no_baseline=self._choice(value, ("no_baseline",), _CHOICES[1:], None),
            judges=self._choice(value, ("judges",), ("any", "admitted"), "any"),
        )

    def _gates(self, values: Any) -> list[GateSpec]:
        if not isinstance(values, list):
            self._note(("gates",), "gates are a list")
            return []
        found = []
        for index, value in enumerate(values):
            try:
                found.append(parse_gate(value))
            except UsageError as error:
                self._note(("gates", index), str(error), error.hint)
        return found

    def _share(self, value: dict[str, Any], key: str, default: float) -> float:
        given = value.get(key, default)
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 1:
            self._note((key,), f"{key}: {given!r}; expected a share from 0 to 1")
            return default
        return float(given)

    def _choice(self, value: dict[str, Any], keys: tuple[str, ...], known: tuple[str, ...], default: Any) -> Any:
        given = value.get(keys[-1], default)
        if given is not default and given not in known:
            self._note(keys, f"{given!r}; expected {', '.join(known)}")
            return default
        return given

    def _note(self, keys: tuple[str | int, ...], message: str, hint: str | None = None) -> None:
        self.problems.append(self._document.problem(keys, message, hint=hint))
