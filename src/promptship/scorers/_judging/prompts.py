"""Prompts of judges: those of the package, and a project's own in their place."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from promptship.errors import ScorerSetupError, did_you_mean

if TYPE_CHECKING:
    from promptship.domain import Closure, JsonObject, JsonValue, Message, ModelConfig
    from promptship.prompts import PromptDocument
    from promptship.scorers._criterion import ScorerContext

__all__ = ["JUDGED_INPUTS", "JUDGE_PROMPTS_FOLDER", "JudgePrompt", "load_judge_prompt", "packaged_prompts"]

JUDGE_PROMPTS_FOLDER: Final = "judges"
"""Folder among a project's prompts: what lies there under the name of a packaged one takes its place."""
JUDGED_INPUTS: Final = frozenset(
    {"answer", "context", "conversation", "first", "passage", "reference", "request", "second", "statement", "steps"}
)
"""Inputs that come from a case or a model: untrusted, whoever wrote the prompt."""


class JudgePrompt:
    """A prompt of a judge, closed with the judge's model.

    Args:
        name: What messages call it.
        closure: The prompt.
    """

    def __init__(self, name: str, closure: Closure) -> None:
        self.closure = closure
        self._takes = frozenset(closure.input_schema.get("properties") or ())  # type: ignore[arg-type]  # an object
        # Here and not above, as below: YAML and JSON Schema come with it, and a scorer of any type loads this module.
        from promptship.prompts import Renderer

        self._renderer = Renderer(closure, name=name)

    def takes(self, name: str) -> bool:
        """Say whether the prompt has an input of this name."""
        return name in self._takes

    def render(self, inputs: JsonObject) -> tuple[Message, ...]:
        """Render the inputs that the prompt takes; others are left out, so that a project's own may take fewer.

        Raises:
            InputError: One that it needs is missing.
            RenderError: The template fails on them.
        """
        taken = {name: _legible(value) for name, value in inputs.items() if name in self._takes and value is not None}
        return self._renderer.render(taken).messages


def _legible(value: JsonValue) -> JsonValue:
    """Return a value that can be sent: half of a surrogate pair, which a model may have written, becomes `?`."""
    if not isinstance(value, str) or value.isascii():
        return value
    return value.encode("utf-8", "replace").decode()


def load_judge_prompt(
    name: str, config: ModelConfig, context: ScorerContext, *, own: str = "", needs: tuple[str, ...] = ("answer",)
) -> JudgePrompt:
    """Load the prompt of a judge: `own` of the project, else its `judges/NAME`, else the package's.

    Args:
        name: Name among the prompts of the package.
        config: The model that is asked; the prompt's own does not count.
        context: Where the project's prompts come from.
        own: Name of the project's prompt that the scorer asks for; "" for none.
        needs: Inputs without which it could judge nothing.

    Raises:
        ScorerSetupError: `own` does not exist, lacks an input, or trusts a text that is judged.
        SourceError: A prompt of the project is wrong.
    """
    from promptship.prompts import build_closure

    found = context.prompts.find_prompt(own or f"{JUDGE_PROMPTS_FOLDER}/{name}") if context.prompts else None
    if found is None:
        if own:
            raise ScorerSetupError(f"there is no prompt {own!r} in the project", hint=f"write prompts/{own}.prompt")
        document = _load_packaged(name)
        return JudgePrompt(document.path, build_closure(document, partials={}, examples=(), model=config))
    closure = replace(found.closure, model=config)
    _check_own(found.name, closure, needs)
    return JudgePrompt(found.name, closure)


def packaged_prompts() -> dict[str, str]:
    """Return the text of every judge prompt of the package, by name."""
    folder = files("promptship.scorers") / "judge_prompts"
    found = {one.name.removesuffix(".prompt"): one for one in folder.iterdir() if one.name.endswith(".prompt")}
    return {name: found[name].read_text(encoding="utf-8") for name in sorted(found)}


# A set may build the same judge for each of thousands of cases.
@lru_cache(maxsize=64)
def _load_packaged(name: str) -> PromptDocument:
    from promptship.prompts import parse_prompt

    path = files("promptship.scorers") / "judge_prompts" / f"{name}.prompt"
    return parse_prompt(path.read_text(encoding="utf-8"), path=f"{name}.prompt")


def _check_own(name: str, closure: Closure, needs: tuple[str, ...]) -> None:
    takes = closure.input_schema.get("properties") or {}
    names = list(takes) if isinstance(takes, dict) else []
    for needed in needs:
        if needed not in names:
            raise ScorerSetupError(
                f"the judge prompt {name!r} has no input {needed!r}{did_you_mean(needed, names)}",
                hint=f"a prompt for this type takes at least: {', '.join(needs)}",
            )
    trusted = [one for one in names if one in JUDGED_INPUTS and closure.trust.get(one) != "untrusted"]
    if trusted:
        # What is judged may hold an instruction to the judge, so a fence is not left to whoever writes the prompt.
        stated = ", ".join(f"{one}: untrusted" for one in trusted)
        raise ScorerSetupError(
            f"the judge prompt {name!r} does not state that {', '.join(map(repr, trusted))} is untrusted",
            hint=f"write in its head: input: {{trust: {{{stated}}}}}",
        )
