"""`models.yaml`: named model configs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from promptship.domain import ModelConfig
from promptship.errors import Problem, ReferenceNotFoundError, SourceError, did_you_mean
from promptship.prompts import parse_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptship.prompts import YamlDocument

__all__ = ["ModelCatalog", "parse_models"]

_BUILT_IN = {"model": "local/smollm2-135m-instruct", "params": {"temperature": 0, "max_tokens": 64}}


class ModelCatalog:
    """Model configs by name, with fallbacks resolved when asked for.

    Args:
        entries: What `models.yaml` says, by name; `default` is built in where it is not given.
        path: The file, as messages name it.
    """

    def __init__(self, entries: Mapping[str, Mapping[str, Any]], *, path: str) -> None:
        self._entries = {"default": _BUILT_IN, **entries}
        self._path = path

    @property
    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._entries)

    def resolve(self, name: str) -> ModelConfig:
        """Return the config called `name`, or a config made for `provider/model`.

        Raises:
            ReferenceNotFoundError: No such name.
            SourceError: Fallbacks form a circle.
        """
        return self._resolve(name, ())

    def with_operations(self, config: ModelConfig) -> ModelConfig:
        """Give a config of a stored version the address, keys, price and limits of the entry with its model.

        The entry of the same name is taken before others; where none has its model it is returned as it is.
        """
        fallbacks = tuple(self.with_operations(fallback) for fallback in config.fallbacks)
        entry = self._entry_with_model(config)
        if entry is None:
            return config.model_copy(update={"fallbacks": fallbacks})
        return entry.model_copy(update={"params": config.params, "fallbacks": fallbacks})

    def _entry_with_model(self, config: ModelConfig) -> ModelConfig | None:
        same = (config.model, config.endpoint)
        for name in dict.fromkeys([config.name, *self.names]):
            entry = self.resolve(name) if name in self._entries else None
            if entry is not None and (entry.model, entry.endpoint) == same:
                return entry
        return None

    def _resolve(self, name: str, above: tuple[str, ...]) -> ModelConfig:
        if name in above:
            chain = " -> ".join((*above, name))
            raise SourceError.at(self._path, None, None, f"the fallbacks of {above[0]!r} form a circle: {chain}")
        entry = self._entries.get(name)
        if entry is None:
            return self._resolve_unnamed(name)
        fallbacks = tuple(self._resolve(fallback, (*above, name)) for fallback in entry.get("fallbacks", ()))
        return ModelConfig(**{**entry, "name": name, "fallbacks": fallbacks})

    def _resolve_unnamed(self, name: str) -> ModelConfig:
        if "/" in name:
            return ModelConfig(name=name, model=name)
        meant = did_you_mean(name, self._entries)
        known = ", ".join(self.names)
        raise ReferenceNotFoundError(
            f"no model config is called {name!r}{meant}", hint=f"{self._path} knows {known}; or write provider/model"
        )


def parse_models(text: str, *, path: str) -> ModelCatalog:
    """Parse the text of `models.yaml`.

    Args:
        text: YAML: a mapping from names to configs.
        path: The file, as messages name it.

    Raises:
        SourceError: Not YAML, an unknown key, a wrong value; every problem with its line and column.
    """
    document = parse_yaml(text, path=path)
    value = document.value
    if value is None:
        return ModelCatalog({}, path=path)
    if not isinstance(value, dict):
        raise SourceError.at(path, 1, 1, "expected a mapping from names to model configs")
    problems = [problem for name, entry in value.items() for problem in _check_entry(name, entry, document, path)]
    problems += _check_fallbacks(value, document, path)
    if problems:
        raise SourceError(problems)
    entries: dict[str, Any] = value
    return ModelCatalog(entries, path=path)


def _check_entry(name: str, entry: object, document: YamlDocument, path: str) -> list[Problem]:
    line, column = document.place((name,))
    if not isinstance(entry, dict):
        return [Problem(path=path, line=line, column=column, message=f"{name}: expected keys such as model and params")]
    try:
        ModelConfig(**{**entry, "name": name, "fallbacks": ()})
    except ValidationError as error:
        return [_explain(name, detail, document, path) for detail in error.errors()]
    return []


def _explain(name: str, detail: Any, document: YamlDocument, path: str) -> Problem:
    line, column = document.place((name, *detail["loc"]))
    key = ".".join(map(str, (name, *detail["loc"])))
    hint = None
    if detail["type"] == "extra_forbidden":
        hint = f"known keys: {', '.join(sorted(ModelConfig.model_fields))}"
        if "key" in str(detail["loc"][-1]).lower():
            hint = "keys are never written in files: name the variable that holds it, api_key_env: MY_KEY"
    return Problem(path=path, line=line, column=column, message=f"{key}: {detail['msg']}", hint=hint)


def _check_fallbacks(value: dict[str, Any], document: YamlDocument, path: str) -> list[Problem]:
    problems = []
    for name, entry in value.items():
        listed = entry.get("fallbacks", ()) if isinstance(entry, dict) else ()
        if not isinstance(listed, list | tuple) or not all(isinstance(item, str) for item in listed):
            line, column = document.place((name, "fallbacks"))
            message = f"{name}.fallbacks: expected a list of names"
            problems.append(Problem(path=path, line=line, column=column, message=message))
            continue
        for item in listed:
            if item not in value and item != "default" and "/" not in item:
                line, column = document.place((name, "fallbacks"))
                message = f"{name}.fallbacks: no model config is called {item!r}"
                problems.append(Problem(path=path, line=line, column=column, message=message))
    return problems
