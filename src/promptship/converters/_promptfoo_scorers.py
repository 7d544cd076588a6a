"""promptfoo's assertions to scorers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from promptship.converters._names import NameGiver
from promptship.converters._nunjucks import SIMPLE_PLACEHOLDER, placeholders_in, unquote_raw
from promptship.converters._promptfoo_models import litellm_name
from promptship.errors import PromptshipError, SourceError
from promptship.evalsets import parse_scorer
from promptship.prompts import parse_yaml
from promptship.scorers import InstrumentsNeededError, build_scorer, list_scorers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from promptship.converters._ledger import Ledger
    from promptship.converters._source_folder import SourceFolder
    from promptship.domain import JsonObject, JsonValue
    from promptship.scorers import ScorerInfo

__all__ = ["ScorerReader", "ThresholdedScorers", "parse_cell"]

_NOT: Final = "not-"
_OURS: Final = {"type", "value", "threshold", "weight", "metric"}
_SCHEMAS: Final = {"is-json", "contains-json"}
_JS_GROUP: Final = re.compile(r"\(\?<(?=[A-Za-z_]\w*>)")
_CELL_THRESHOLD: Final = 0.75
_CELL_WITH_THRESHOLD: Final = {
    *("answer-relevance", "classifier", "context-faithfulness", "context-recall", "context-relevance", "cost"),
    *("latency", "levenshtein", "perplexity-score", "perplexity", "rouge-n", "similar", "starts-with"),
}
_CELL: Final = re.compile(r"(not-)?([a-z][a-z0-9:-]*)(?:\((\d+(?:\.\d+)?)\))?(?::(.*))?", re.DOTALL)
_LISTS: Final = {"contains-all", "contains-any", "icontains-all", "icontains-any"}
_CODE: Final = re.compile(r"(javascript|fn|eval|python|file)(?::|://)", re.DOTALL)
_MODEL_TYPES: Final = {"grade": "llm-rubric"}
_HUB_MODEL: Final = re.compile(r"huggingface:(?:text-classification|sentence-similarity|feature-extraction):(.+)")
_HINTS: Final = {"rubricPrompt": "write it as a prompt of its own and name that in the scorer's `prompt`"}


def parse_cell(text: str, known: Mapping[str, Any]) -> JsonObject:
    """Read a cell of an `__expected` column as promptfoo does, defaults included.

    Args:
        text: The cell.
        known: Names of promptfoo's types; other text is compared for equality.

    Returns:
        An assertion as a promptfoo config writes it.

    Source:
        promptfoo 0.123, "Load assertions from CSV"; a cell's types with a threshold take 0.75 where none is written.

    Example:
        >>> parse_cell("rouge-n(0.5): Paris", {"rouge-n": 1}), parse_cell("Paris", {})
        ({'type': 'rouge-n', 'value': 'Paris', 'threshold': 0.5}, {'type': 'equals', 'value': 'Paris'})
    """
    text = text.strip()
    code = _CODE.match(text)
    if code:
        return {"type": "python" if code[1] == "python" else "javascript", "value": text}
    found = _CELL.fullmatch(text)
    kind = _MODEL_TYPES.get(found[2], found[2]) if found else ""
    if found is None or kind not in known:
        return {"type": "equals", "value": text}
    made: JsonObject = {"type": f"{found[1] or ''}{kind}"}
    if found[4] is not None:
        value = found[4].strip()
        made["value"] = [part.strip() for part in value.split(",")] if kind in _LISTS else value
    if kind in _CELL_WITH_THRESHOLD:
        made["threshold"] = float(found[3]) if found[3] else _CELL_THRESHOLD
    return made


@dataclass(frozen=True, slots=True)
class ThresholdedScorers:
    """Assertions of one test as scorers, and how many of them were left out."""

    scorers: list[JsonObject]
    left_out: int


class ScorerReader:
    """Reads lists of assertions.

    Args:
        ledger: Where losses are told.
        folder: Where `file://` values lie.
        judge: The provider that judges wherever an assertion names none; None for promptfoo's own choice.
    """

    def __init__(self, ledger: Ledger, folder: SourceFolder, *, judge: JsonValue = None) -> None:
        self._ledger = ledger
        self._folder = folder
        self._judge = judge
        self.infos: dict[str, ScorerInfo] = {info.type: info for info in list_scorers()}

    def read(
        self,
        values: list[Any],
        variables: Mapping[str, JsonValue],
        line_of: Callable[[int], int],
        *,
        taken: set[str] | None = None,
        threshold: float | None = None,
    ) -> ThresholdedScorers:
        """Read the assertions of a test.

        Args:
            values: As written.
            variables: What `{{ name }}` in values stands for; anything else in braces is not evaluated.
            line_of: Line of an assertion, by its index.
            taken: Names of scorers that the set has for every case.
            threshold: The test's own, which its weighted mean has to reach; None where all have to pass.
        """
        names = NameGiver(taken)
        inside = NameGiver() if threshold is not None else names
        found = [self._read_one(value, variables, line_of(index), inside) for index, value in enumerate(values)]
        scorers = [scorer for scorer in found if scorer is not None]
        left_out = len(found) - len(scorers)
        if threshold is not None and scorers:
            members: list[JsonValue] = list(scorers)
            name = names.give("assert-set")
            scorers = [{"type": "assert-set", "name": name, "threshold": threshold, "scorers": members}]
        return ThresholdedScorers(scorers, left_out)

    def _read_one(
        self, value: Any, variables: Mapping[str, JsonValue], line: int, names: NameGiver
    ) -> JsonObject | None:
        if not isinstance(value, dict) or not isinstance(value.get("type"), str):
            self._lose("assertion", f"{value!r} is no assertion with a type", line)
            return None
        made = self._read_set(value, variables, line) if value["type"] == "assert-set" else None
        if made is None:
            if value["type"] == "assert-set":
                return None
            made = self._read_plain(value, variables, line)
        if made is None or not self._check(made, line):
            return None
        self._name(made, value, line, names)
        return made

    def _read_set(self, value: JsonObject, variables: Mapping[str, JsonValue], line: int) -> JsonObject | None:
        members = value.get("assert")
        inner = NameGiver()
        listed = members if isinstance(members, list) else []
        found = [self._read_one(member, variables, line, inner) for member in listed]
        kept: list[JsonValue] = [member for member in found if member is not None]
        if not kept:
            self._lose("assert-set", "an assert-set of which nothing can be carried over", line)
            return None
        if len(kept) < len(found) and value.get("threshold") is not None:
            self._change("assert-set", "an assert-set lost members, so its weighted mean is another one", line)
        made: JsonObject = {"type": "assert-set", "scorers": kept}
        return {**made, **_numbers(value)}

    def _read_plain(self, value: JsonObject, variables: Mapping[str, JsonValue], line: int) -> JsonObject | None:
        kind = str(value["type"])
        if "transform" in value or "contextTransform" in value:
            self._lose("transform", f"{kind}: what is judged is made by code ('transform'), which is not run", line)
            return None
        info = self.infos.get(kind.removeprefix(_NOT))
        made: JsonObject = {"type": kind, **_numbers(value), **self._read_model(value, info, line)}
        for key in value.keys() - _OURS - {"provider"}:
            self._lose("assertion-key", f"{kind}: {key} has no counterpart", line, _HINTS.get(key, ""))
        if info is not None and info.threshold is None and "threshold" in made:
            del made["threshold"]
        if "value" in value and (info is None or info.value_is != "none"):
            filled = self._fill(value["value"], variables, line, kind)
            if filled is None:
                return None
            made["value"] = self._typed(kind.removeprefix(_NOT), filled[0])
        return made

    def _read_model(self, value: JsonObject, info: ScorerInfo | None, line: int) -> JsonObject:
        """Return the key that names the model which an assertion asks, where it names one."""
        if info is None or not info.asks:
            return {}
        is_judge = "judge" in info.params
        provider = value.get("provider", self._judge if is_judge else None)
        if provider is None:
            if is_judge:
                self._ledger.add("note", "judge", f"{info.type} asks the model 'default' unless `judge` names another")
            return {}
        if isinstance(provider, str):
            hub = _HUB_MODEL.fullmatch(provider)
            if "model" in info.params and hub is not None:
                return {"model": hub[1]}
            model = litellm_name(provider)
            if is_judge and model is not None:
                return {"judge": model}
        self._lose("assertion-model", f"{info.type}: the provider {provider!r} is no model that it could ask", line)
        return {}

    def _fill(
        self, value: JsonValue, variables: Mapping[str, JsonValue], line: int, kind: str
    ) -> tuple[JsonValue] | None:
        """Return a value with its placeholders filled in; None, told of, where that would take an evaluation."""
        if isinstance(value, list):
            parts = [self._fill(item, variables, line, kind) for item in value]
            return None if None in parts else ([part[0] for part in parts if part],)
        if not isinstance(value, str):
            return (value,)
        if value.startswith("file://"):
            return self._load(value, line, kind)
        plain = unquote_raw(value)
        if plain is not None:
            return (plain,)
        names = placeholders_in(value)
        if names is None or any(isinstance(variables.get(name), dict | list | None) for name in names):
            hint = "write the value out; templates of other tools are not evaluated"
            self._lose("assertion-template", f"{kind}: the value {value!r} is a template", line, hint)
            return None
        return (SIMPLE_PLACEHOLDER.sub(lambda found: _text(variables[found[1]]), value),)

    def _load(self, value: str, line: int, kind: str) -> tuple[JsonValue] | None:
        name = value.removeprefix("file://").removeprefix("./")
        text = self._folder.read(name) if name.endswith((".json", ".yaml", ".yml", ".txt")) else None
        if text is None:
            self._lose("assertion-file", f"{kind}: {value!r} is no data file beside the config", line)
            return None
        if name.endswith(".txt"):
            return (text.rstrip("\n"),)
        return (parse_yaml(text, path=self._folder.show(name)).value,)

    def _typed(self, kind: str, value: JsonValue) -> JsonValue:
        if kind in _SCHEMAS and isinstance(value, str):
            try:
                schema: JsonValue = orjson.loads(value)
            except orjson.JSONDecodeError:
                schema = parse_yaml(value, path=self._ledger.path).value
            return schema
        if kind == "regex" and isinstance(value, str):
            return _JS_GROUP.sub("(?P<", value)
        return value

    def _check(self, made: JsonObject, line: int) -> bool:
        """Build the scorer, to be sure that the evalset can be evaluated."""
        try:
            build_scorer(parse_scorer({**made, "name": "made"}, path=""))
        except InstrumentsNeededError:
            # All that is written was found right; which model it asks is this machine's business.
            return True
        except SourceError as error:
            self._lose("assertion", f"{made['type']}: {error}", line)
            return False
        except PromptshipError as error:
            said = str(error).removeprefix("scorer 'made': ")
            self._lose("assertion-type", f"{made['type']} was left out: {said}", line, error.hint or "")
            return False
        return True

    def _name(self, made: JsonObject, value: JsonObject, line: int, names: NameGiver) -> None:
        metric = value.get("metric")
        wish = str(made["type"])
        if isinstance(metric, str) and metric:
            wish = re.sub(r"[^\w.:/-]+", "-", metric).strip("-.:/") or wish
            if wish != metric:
                self._change("metric", f"the metric {metric!r} is called {wish!r}", line)
        name = names.give(wish)
        if metric and name != wish:
            self._change("metric", f"a second assertion of the metric {wish!r} is called {name!r}", line)
        if name != made["type"]:
            made["name"] = name

    def _lose(self, code: str, message: str, line: int, hint: str = "") -> None:
        self._ledger.add("lost", code, message, line=line, hint=hint)

    def _change(self, code: str, message: str, line: int) -> None:
        self._ledger.add("changed", code, message, line=line)


def _numbers(value: JsonObject) -> JsonObject:
    made: JsonObject = {}
    if isinstance(value.get("threshold"), int | float):
        made["threshold"] = value["threshold"]
    weight = value.get("weight")
    if weight == 0:
        made["required"] = False
    elif isinstance(weight, int | float) and weight != 1:
        made["weight"] = weight
    return made


def _text(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
