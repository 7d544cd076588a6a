"""What scorers share that measure with a model: which model is written, and the digest that their scores cite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptship.domain import digest_of
from promptship.errors import ScorerSetupError
from promptship.scorers._criterion import show

if TYPE_CHECKING:
    from promptship.domain import Case, JsonObject, JsonValue, ScorerSpec

__all__ = ["MODEL_PARAM", "asked_digest", "instrument_digest", "question_of", "read_model", "read_text_param"]

MODEL_PARAM = "a hub repository, or a folder with weights"


def read_model(spec: ScorerSpec, default: str = "") -> str:
    """Return the model that the scorer names, or `default`.

    Raises:
        ScorerSetupError: What is written is no name.
    """
    return read_text_param(spec, "model", default)


def read_text_param(spec: ScorerSpec, key: str, default: str = "") -> str:
    """Return a key of the scorer that is text.

    Raises:
        ScorerSetupError: It is something else, or blank.
    """
    written = spec.params.get(key, default)
    if not isinstance(written, str) or (key in spec.params and not written.strip()):
        raise ScorerSetupError(f"{key}: {show(written)}; expected text")
    return written


def instrument_digest(spec: ScorerSpec, identity: str, **decides: JsonValue) -> str:
    """Return the digest of a measuring scorer as a judge: scores of two digests are not compared.

    Args:
        spec: The scorer; its type, value and threshold count, its name does not.
        identity: Its model and weights.
        decides: What else decides a score.
    """
    return digest_of({**_measured(spec, identity), "threshold": spec.threshold, **decides})


def asked_digest(spec: ScorerSpec, identity: str, **decides: JsonValue) -> str:
    """Return the digest of what a measuring scorer asks its model, whatever threshold its votes are held to.

    Args:
        spec: The scorer.
        identity: Its model and weights.
        decides: What else decides a vote.
    """
    return digest_of({"asked": _measured(spec, identity), **decides})


def _measured(spec: ScorerSpec, identity: str) -> JsonObject:
    # The value too: what an output is held against decides a score as much as the model does.
    return {
        "type": spec.type.removeprefix("not-"),
        "model": identity,
        "value": spec.value if spec.has_value else None,
    }


def question_of(case: Case, key: str) -> str:
    """Return what was asked: the named input, or all inputs where none is named.

    Raises:
        ScorerSetupError: The case has no input of that name.
    """
    if key:
        if key not in case.inputs:
            known = ", ".join(case.inputs) or "none"
            raise ScorerSetupError(f"question: the case has no input {key!r}", hint=f"its inputs are {known}")
        return str(case.inputs[key])
    values = [str(value) for value in case.inputs.values()]
    return values[0] if len(values) == 1 else "\n".join(f"{name}: {case.inputs[name]}" for name in case.inputs)
