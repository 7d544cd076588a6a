"""The fixture `prompt_run`: call prompts and evaluate them from a Python test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import pytest

from promptship.errors import BudgetExceededError, PriceUnknownError, UsageError, did_you_mean
from promptship.testing._answer import Answer
from promptship.testing._flaky import current_sample

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Mapping

    from promptship.assembly import Workspace
    from promptship.domain import JsonValue, PromptVersion
    from promptship.evaluation import EvalOptions
    from promptship.models import ModelHub
    from promptship.runner import Run
    from promptship.testing._session import EvalSession

__all__ = ["PromptRun", "marker_options", "pay"]

T = TypeVar("T")

_KEYS: Final = frozenset({"evalset", "prompt", "model", "repeats", "sample", "seed", "limit", "slices"})
_UNPAID = (
    "this session may not spend money here: name the test's file on the command line, or set promptship_collect = true"
)


class PromptRun:
    """Calls prompts and evaluates evalsets for one test; what is not said is taken from its marker.

    Without `promptship_collect` and without the file's name on the command line it spends nothing: fakes, local models
    and cached answers work, and a call that would cost something skips the test.

    Args:
        session: The session's state.
        item: The test.
        options: Keyword arguments of the marker.
    """

    def __init__(self, session: EvalSession, item: pytest.Item, options: Mapping[str, Any]) -> None:
        self._session = session
        self._item = item
        self._options = options
        self._run: Run | None = None

    def __call__(self, prompt: str | None = None, /, **inputs: JsonValue) -> Answer:
        """Call a prompt once and return its answer.

        Args:
            prompt: Reference; None for the marker's.
            inputs: Its inputs.

        Raises:
            UsageError: There is no such prompt, or the inputs do not fit.
            ModelError: No usable answer.
        """
        return self.many([inputs], prompt=prompt)[0]

    def many(self, inputs: Iterable[Mapping[str, JsonValue]], *, prompt: str | None = None) -> list[Answer]:
        """Call a prompt with each of `inputs`, all at once, and return the answers in the same order.

        Args:
            inputs: Inputs of each call.
            prompt: Reference; None for the marker's.

        Raises:
            UsageError: There is no such prompt, or inputs do not fit.
            ModelError: No usable answer.
        """
        reference = prompt or self._options.get("prompt")
        if not isinstance(reference, str):
            raise UsageError(
                "prompt_run is not told which prompt to call",
                hint="prompt_run('NAME', input=...), or @pytest.mark.promptship(prompt='NAME')",
            )
        workspace = self._workspace()
        version = workspace.project.load_prompt(reference, model=self._options.get("model")).version
        asked = [dict(one) for one in inputs]
        hub = self._session.hub_of(workspace)
        return pay(self._session, _call_all(hub, version, asked, current_sample()), workspace)

    def evaluate(self, evalset: str | None = None) -> Run:
        """Evaluate on an evalset and return the finished run.

        Args:
            evalset: Name or path; None for the marker's.

        Raises:
            UsageError: Something has to be mended; nothing was paid.
            InfrastructureError: The run could not go on.
        """
        name = evalset or self._options.get("evalset")
        if not isinstance(name, str):
            raise UsageError(
                "prompt_run is not told which evalset to evaluate on",
                hint="prompt_run.evaluate('NAME'), or @pytest.mark.promptship('NAME')",
            )
        workspace = self._workspace()
        return pay(self._session, _evaluate(workspace, name, eval_options_of(self._options)), workspace)

    @property
    def run(self) -> Run:
        """The run of the marker's evalset, evaluated when it is first asked for."""
        if self._run is None:
            self._run = self.evaluate()
        return self._run

    def _workspace(self) -> Workspace:
        return self._session.workspace_of_test(self._item)


def pay(session: EvalSession, work: Coroutine[Any, Any, T], workspace: Workspace) -> T:
    """Run what may cost something, and skip the test where it must not.

    Args:
        session: The session's state.
        work: What to run.
        workspace: Where it calls models.
    """
    budget = workspace.budget
    try:
        return session.loop.run(work)
    except (BudgetExceededError, PriceUnknownError) as error:
        if budget is not None and budget.limit_usd == 0:
            pytest.skip(f"{_UNPAID} ({error})")
        raise


def marker_options(marker: pytest.Mark | None, keys: frozenset[str] = _KEYS) -> dict[str, Any]:
    """Return the arguments of a marker by name, its first positional one as `evalset`.

    Raises:
        UsageError: There is no such argument.
    """
    if marker is None:
        return {}
    if len(marker.args) > 1:
        raise UsageError(f"@pytest.mark.{marker.name} takes one positional argument, the evalset; got {marker.args!r}")
    for name in marker.kwargs:
        if name not in keys:
            meant = did_you_mean(name, keys)
            raise UsageError(
                f"@pytest.mark.{marker.name} has no argument {name!r}{meant}", hint=f"known: {', '.join(sorted(keys))}"
            )
    return {**({"evalset": marker.args[0]} if marker.args else {}), **marker.kwargs}


def eval_options_of(options: Mapping[str, Any]) -> EvalOptions:
    """Return what a marker changes about an evaluation."""
    from promptship.evalsets import Selection
    from promptship.evaluation import EvalOptions

    slices = tuple((options.get("slices") or {}).items())
    return EvalOptions(
        prompts=_as_tuple(options.get("prompt")),
        models=_as_tuple(options.get("model")),
        repeats=options.get("repeats", 1),
        selection=Selection(
            sample=options.get("sample"), seed=options.get("seed", 0), limit=options.get("limit"), slices=slices
        ),
    )


async def _call_all(
    hub: ModelHub, version: PromptVersion, inputs: list[dict[str, JsonValue]], sample: int
) -> list[Answer]:
    import asyncio

    from promptship.evaluation import call_prompt

    found = await asyncio.gather(*(call_prompt(version, one, hub, repeat=sample) for one in inputs))
    model = version.closure.model.model
    return [
        Answer(output=result.output, prompt=version.label, model=model, inputs=asked, sample=sample)
        for result, asked in zip(found, inputs, strict=True)
    ]


async def _evaluate(workspace: Workspace, name: str, options: EvalOptions) -> Run:
    from promptship.assembly import evaluate_all

    return (await evaluate_all(workspace, workspace.load_evalsets([name]), options)).runs[0]


def _as_tuple(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)  # type: ignore[arg-type]  # names, or it raises
