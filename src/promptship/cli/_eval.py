"""`promptctl eval`: evaluate prompts on evalsets."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptship.cli._console import (
    note,
    open_workspace,
    print_json,
    print_table,
    require_choice,
    terminal_width,
    wants_color,
)
from promptship.cli._streams import write_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptship.assembly import Evaluation, ModelOptions, Workspace
    from promptship.evaluation import EvalOptions

__all__ = ["evaluate"]

_FORMATS = ("terminal", "json", "markdown", "junit", "html")
_FILES = {"json": "report.json", "markdown": "report.md", "junit": "report.junit.xml", "html": "report.html"}

_WHAT, _WHICH, _HOW, _OUT = "What", "Which cases", "How", "Output"


_Evalsets = Annotated[list[str] | None, typer.Argument(metavar="EVALSET", help="Names or paths; all if none.")]
_Prompt = Annotated[
    list[str] | None, typer.Option(help="REF instead of the evalset's own prompt.", rich_help_panel=_WHAT)
]
_Model = Annotated[list[str] | None, typer.Option(help="Model config, or provider/model.", rich_help_panel=_WHAT)]
_Repeats = Annotated[int, typer.Option(min=1, help="Samples per case.", rich_help_panel=_WHAT)]
_Pattern = Annotated[
    str | None, typer.Option("-k", metavar="PATTERN", help="Cases whose id or tags match.", rich_help_panel=_WHICH)
]
_LastFailed = Annotated[
    bool, typer.Option("--last-failed", "--lf", help="Cases that did not pass last time.", rich_help_panel=_WHICH)
]
_Sample = Annotated[int | None, typer.Option(min=1, help="Draw N cases.", rich_help_panel=_WHICH)]
_Seed = Annotated[int, typer.Option(help="Seed of the draw.", rich_help_panel=_WHICH)]
_Slices = Annotated[
    list[str] | None, typer.Option("--slice", metavar="TAG=VALUE", help="Cases with this tag.", rich_help_panel=_WHICH)
]
_Baseline = Annotated[
    str | None,
    typer.Option(
        metavar="RUN|REV",
        help="Decide gates versus a baseline against this: a run, last, a git revision, or base.",
        rich_help_panel=_WHICH,
    ),
]
_Experiment = Annotated[
    str, typer.Option(metavar="NAME", help="Find the run again by this name.", rich_help_panel=_OUT)
]
_Note = Annotated[str, typer.Option(metavar="TEXT", help="Kept with the run.", rich_help_panel=_OUT)]
_Holdout = Annotated[
    bool, typer.Option("--holdout", help="The cases that the evalset sets aside.", rich_help_panel=_WHICH)
]
_Limit = Annotated[int | None, typer.Option(min=1, help="The first N cases.", rich_help_panel=_WHICH)]
_Concurrency = Annotated[int | None, typer.Option(min=1, help="Cells in flight.", rich_help_panel=_HOW)]
_Retries = Annotated[
    int | None, typer.Option(min=0, help="Attempts after the first; 0 for none.", rich_help_panel=_HOW)
]
_Timeout = Annotated[
    float | None, typer.Option(min=0.001, metavar="S", help="Seconds for one attempt.", rich_help_panel=_HOW)
]
_MaxCost = Annotated[
    float | None, typer.Option(min=0, metavar="USD", help="Stop before more is spent.", rich_help_panel=_HOW)
]
_NoCache = Annotated[bool, typer.Option("--no-cache", help="Neither read nor fill the cache.", rich_help_panel=_HOW)]
_NoResume = Annotated[
    bool, typer.Option("--no-resume", help="Start anew where a run was cut off.", rich_help_panel=_HOW)
]
_Record = Annotated[bool, typer.Option("--record", help="Write cassettes/EVALSET.jsonl.zst.", rich_help_panel=_HOW)]
_Frozen = Annotated[bool, typer.Option("--frozen", help="Replay the cassette; call nothing.", rich_help_panel=_HOW)]
_DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check everything, say what it would cost.", rich_help_panel=_HOW)
]
_StopEarly = Annotated[
    bool, typer.Option("--stop-early", help="End as soon as the verdict is certain.", rich_help_panel=_HOW)
]
_Watch = Annotated[bool, typer.Option("--watch", help="Evaluate again when a file changes.", rich_help_panel=_HOW)]
_Report = Annotated[
    list[str] | None, typer.Option(metavar="FORMAT", help=f"{', '.join(_FORMATS)}; repeatable.", rich_help_panel=_OUT)
]
_Output = Annotated[
    Path | None, typer.Option(metavar="PATH", help="File, or folder for several reports.", rich_help_panel=_OUT)
]
_AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object instead of the summary.", rich_help_panel=_OUT)
]
_Cases = Annotated[bool, typer.Option("--cases", help="With --json: every case.", rich_help_panel=_OUT)]


def evaluate(
    context: typer.Context,
    evalsets: _Evalsets = None,
    prompt: _Prompt = None,
    model: _Model = None,
    repeats: _Repeats = 1,
    pattern: _Pattern = None,
    baseline: _Baseline = None,
    *,
    last_failed: _LastFailed = False,
    sample: _Sample = None,
    seed: _Seed = 0,
    slices: _Slices = None,
    limit: _Limit = None,
    holdout: _Holdout = False,
    concurrency: _Concurrency = None,
    retries: _Retries = None,
    timeout: _Timeout = None,
    max_cost: _MaxCost = None,
    no_cache: _NoCache = False,
    no_resume: _NoResume = False,
    record: _Record = False,
    frozen: _Frozen = False,
    stop_early: _StopEarly = False,
    dry_run: _DryRun = False,
    watch: _Watch = False,
    report: _Report = None,
    output: _Output = None,
    as_json: _AsJson = False,
    cases: _Cases = False,
    experiment: _Experiment = "",
    note: _Note = "",
) -> None:
    """Evaluate prompts on evalsets; the exit code is the verdict.

    0 pass, 1 a gate failed, 2 usage, 3 infrastructure, 4 inconclusive, 5 over budget.
    """
    from promptship.assembly import ModelOptions
    from promptship.evalsets import Selection
    from promptship.evaluation import EvalOptions
    from promptship.gates import exit_code_of

    reports = _check_reports(report or [], as_json=as_json, record=record, frozen=frozen)
    model_options = ModelOptions(
        retries=retries,
        timeout_s=timeout,
        max_cost_usd=max_cost,
        use_cache=not no_cache,
        record=record,
        frozen=frozen,
    )
    options = EvalOptions(
        prompts=tuple(prompt or ()),
        models=tuple(model or ()),
        repeats=repeats,
        concurrency=concurrency,
        selection=Selection(pattern=pattern, sample=sample, seed=seed, slices=_parse_slices(slices or []), limit=limit),
        last_failed=last_failed,
        resume=not no_resume,
        baseline=baseline,
        experiment=experiment,
        note=note,
        holdout=holdout,
        stop_early=stop_early,
    )
    command = _Command(context, tuple(evalsets or ()), options, model_options)
    if dry_run:
        command.print_estimate(as_json=as_json)
        return
    if watch:
        command.watch(reports)
        return
    # What start-up has made stays to the end; no collection need look at it again.
    gc.freeze()
    evaluation = command.evaluate()
    _print_reports(evaluation, reports, output, cases=cases)
    raise typer.Exit(exit_code_of(evaluation.verdict))


class _Command:
    """One invocation: what to evaluate, and how."""

    def __init__(
        self, context: typer.Context, evalsets: tuple[str, ...], options: EvalOptions, model_options: ModelOptions
    ) -> None:
        self._context = context
        self._evalsets = evalsets
        self._options = options
        self._model_options = model_options

    def evaluate(self) -> Evaluation:
        """Evaluate once, with a progress bar on stderr."""
        from promptship.assembly import evaluate_all
        from promptship.cli._progress import open_progress
        from promptship.runner import StopSignal, run_blocking

        workspace = self._open()
        loaded = workspace.load_evalsets(self._evalsets)
        stop = StopSignal(_tell_of_stop)

        async def work() -> Evaluation:
            async with workspace:
                with open_progress(len(loaded)) as progress:
                    workspace.on_pull = progress.pull
                    return await evaluate_all(
                        workspace,
                        loaded,
                        self._options,
                        on_start=progress.start,
                        on_progress=progress.update,
                        stop=stop,
                    )

        try:
            return run_blocking(work, stop=stop)
        except KeyboardInterrupt:
            note("interrupted: every finished call is kept; the same command resumes the run")
            raise

    def print_estimate(self, *, as_json: bool) -> None:
        """Check everything and print what it would cost."""
        from dataclasses import asdict

        from promptship.assembly import estimate_all

        workspace = self._open()
        found = estimate_all(workspace, workspace.load_evalsets(self._evalsets), self._options)
        if as_json:
            print_json([asdict(estimate) for estimate in found])
            return
        header = ("evalset", "variants", "cases", "repeats", "calls", "tokens in", "tokens out at most", "USD at most")
        print_table(
            header,
            [
                (
                    one.evalset,
                    ", ".join(one.variants),
                    str(one.cases),
                    str(one.repeats),
                    str(one.cells),
                    str(one.prompt_tokens),
                    str(one.completion_tokens),
                    "unknown" if one.cost_usd is None else f"{one.cost_usd:.4f}",
                )
                for one in found
            ],
        )

    def watch(self, reports: Sequence[str]) -> None:
        """Evaluate now and after each change of a prompt or an evalset, until Ctrl-C."""
        from promptship.cli._console import print_error
        from promptship.errors import MissingExtraError, PromptshipError

        try:
            import watchfiles
        except ImportError:
            raise MissingExtraError("watchfiles", extra="eval", needed_for="--watch") from None
        project = self._open().project
        settings = project.settings
        folders = [
            folder for name in (settings.prompts_dir, settings.evalsets_dir) if (folder := project.root / name).is_dir()
        ]
        changes: Any = iter(watchfiles.watch(*folders, raise_interrupt=True))
        while True:
            try:
                _print_reports(self.evaluate(), reports, None, cases=False)
            except PromptshipError as error:
                print_error(error)
            note(f"watching {', '.join(folder.name for folder in folders)}; Ctrl-C ends")
            next(changes)

    def _open(self) -> Workspace:
        return open_workspace(self._context, self._model_options)


def _tell_of_stop(level: int) -> None:
    # Written past the buffer, which the interrupted line may be in the middle of using.
    if level == 1:
        os.write(2, b"\nstopping: calls in flight may finish; Ctrl-C again drops them\n")


def _check_reports(reports: list[str], *, as_json: bool, record: bool, frozen: bool) -> list[str]:
    from promptship.errors import UsageError

    for name in reports:
        require_choice("--report", name, _FORMATS)
    if record and frozen:
        raise UsageError("--record and --frozen exclude each other: one calls and writes, the other only reads")
    if as_json:
        return ["json", *(name for name in reports if name not in {"json", "terminal"})]
    return (
        reports
        if any(name in {"terminal", "json", "markdown", "junit"} for name in reports)
        else ["terminal", *reports]
    )


def _parse_slices(slices: list[str]) -> tuple[tuple[str, str], ...]:
    from promptship.errors import UsageError

    found = []
    for text in slices:
        tag, equals, value = text.partition("=")
        if not (tag and equals and value):
            raise UsageError(f"--slice {text!r}: expected TAG=VALUE, such as language=de")
        found.append((tag, value))
    return tuple(found)


def _print_reports(evaluation: Evaluation, reports: Sequence[str], output: Path | None, *, cases: bool) -> None:
    """Print what has no file, write what has one."""
    files = [name for name in reports if name != "terminal"]
    for name in reports:
        if name == "terminal":
            from promptship.report import render_terminal

            sys.stdout.write(render_terminal(evaluation.runs, color=wants_color(), width=terminal_width()))
            continue
        path = _path_of(name, files, evaluation, output)
        if path is None:
            write_bytes(_render(name, evaluation, cases=cases))
        else:
            _write(path, _render(name, evaluation, cases=cases))
            note(f"{name} report: {path}")


def _path_of(name: str, files: Sequence[str], evaluation: Evaluation, output: Path | None) -> Path | None:
    """Where a report goes; None for stdout."""
    if output is not None:
        return output if len(files) == 1 and not output.is_dir() else output / _FILES[name]
    if name == "html":
        return evaluation.runs[-1].directory / _FILES[name]
    return None


def _render(name: str, evaluation: Evaluation, *, cases: bool) -> bytes:
    import orjson

    from promptship.report import render_html, render_json, render_junit, render_markdown

    match name:
        case "json":
            return orjson.dumps(render_json(evaluation.runs, cases=cases), option=orjson.OPT_INDENT_2) + b"\n"
        case "markdown":
            return render_markdown(evaluation.runs).encode()
        case "junit":
            return render_junit(evaluation.runs).encode()
        case _:
            return render_html(evaluation.runs)


def _write(path: Path, data: bytes) -> None:
    from promptship.report import write_report

    write_report(path, data)
