"""`promptctl judge label`: outputs shown one by one, and what a person says of each."""

from __future__ import annotations

import getpass
import os
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from promptship.cli._console import note, open_workspace, print_json, terminal_width

if TYPE_CHECKING:
    from promptship.assembly import Workspace
    from promptship.domain import JudgeFile, Rating
    from promptship.judges import LabelQueue, LabelStore, QueuedOutput
    from promptship.runner import Run

__all__ = ["label"]

_RATINGS: dict[str, Rating] = {"g": "good", "b": "bad", "u": "unsure"}
_KEYS = "g good · b bad · u unsure · n note · c better answer · s skip · z take back · q quit"
_CTRL_D = "\x04"


def label(
    context: typer.Context,
    evalset: Annotated[str, typer.Argument(metavar="EVALSET", help="Whose outputs; of its newest run.")],
    run: Annotated[str | None, typer.Option(metavar="RUN", help="Outputs of this run.")] = None,
    judge: Annotated[
        str | None, typer.Option(metavar="NAME", help="By the policy and into the labels of this judge.")
    ] = None,
    plan: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What `judge budget NAME --json` wrote; needs --judge.")
    ] = None,
    sample: Annotated[int, typer.Option(min=1, metavar="N", help="Outputs to draw at random.")] = 50,
    seed: Annotated[int, typer.Option(help="Of the draw and the order.")] = 0,
    rater: Annotated[str | None, typer.Option(metavar="NAME", help="Who labels; the user's name if none.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print counts as JSON at the end.")] = False,
) -> None:
    """Ask about outputs one by one, without showing what any judge says; each answer is kept at once."""
    from promptship.errors import UsageError
    from promptship.judges import LabelStore, find_judge, label_files

    if not sys.stdin.isatty():
        hint = "label in a report page or a spreadsheet instead: promptctl runs open, promptctl runs export"
        raise UsageError("labelling asks questions, and nobody is at this terminal", hint=hint)
    workspace = open_workspace(context)
    project = workspace.project
    named = find_judge(project, judge) if judge else None
    found = None if plan else _find_run(workspace, evalset, run)
    name = found.manifest.evalset if found else evalset
    store = LabelStore(label_files(project, evalset=name, judge=named), root=project.root)
    who = rater or getpass.getuser()
    queue = _queue_plan(plan, named, store, who, seed) if found is None else _queue(found, store, who, sample, seed)
    session = _Session(store=store, queue=queue, rater=who, about=found.manifest.run_id if found else str(plan))
    session.ask_all()
    if as_json:
        print_json(session.counts())
    session.say_goodbye()


def _find_run(workspace: Workspace, evalset: str, named: str | None) -> Run:
    from promptship.errors import ReferenceNotFoundError
    from promptship.runner import find_run, list_runs

    runs_dir = workspace.project.runs_dir
    if named is not None:
        return find_run(runs_dir, named)
    name = workspace.load_evalsets([evalset])[0].spec.name
    newest = next((one for one in list_runs(runs_dir) if one.evalset == name and one.finished), None)
    if newest is None:
        raise ReferenceNotFoundError(f"there is no finished run of {name!r}", hint=f"promptctl eval {evalset}")
    return find_run(runs_dir, newest.run_id)


def _queue(run: Run, store: LabelStore, rater: str, count: int, seed: int) -> LabelQueue:
    from promptship.judges import queue_run

    return queue_run(run, store, rater=rater, count=count, seed=seed)


def _queue_plan(plan: Path | None, judge: JudgeFile | None, store: LabelStore, rater: str, seed: int) -> LabelQueue:
    from promptship.errors import UsageError
    from promptship.judges import load_plan, queue_plan

    if judge is None or plan is None:
        raise UsageError("--plan names outputs of a judge's `items`", hint="name the judge too: --judge NAME")
    return queue_plan(load_plan(plan), store.load_items(), store, rater=rater, seed=seed)


@dataclass(kw_only=True)
class _Session:
    """One person at one terminal."""

    store: LabelStore
    queue: LabelQueue
    rater: str
    about: str
    place: int = 0
    given: dict[int, Rating] = field(default_factory=dict)
    skipped: set[int] = field(default_factory=set)
    words: dict[str, str] = field(default_factory=dict)

    def ask_all(self) -> None:
        """Ask until everything is labelled or the person has had enough."""
        self._greet()
        while self.place < len(self.queue.outputs):
            output = self.queue.outputs[self.place]
            _show(output, f"{self.queue.done + self.place + 1} of {self.queue.drawn}")
            if self._answer(output) == "quit":
                return

    def counts(self) -> dict[str, int]:
        """Return what came of it."""
        said = list(self.given.values())
        left = len(self.queue.outputs) - len(self.given)
        return {rating: said.count(rating) for rating in _RATINGS.values()} | {
            "labelled": len(said), "skipped": len(self.skipped), "left": left
        }  # fmt: skip

    def say_goodbye(self) -> None:
        """Say what is kept where, and how to go on."""
        counts = self.counts()
        parts = ", ".join(f"{counts[rating]} {rating}" for rating in _RATINGS.values() if counts[rating])
        note(f"{counts['labelled']} labelled{f' ({parts})' if parts else ''}, {counts['left']} left of this draw")
        if counts["labelled"]:
            note(f"kept in {self.store.files.labels[-1]}")
        if counts["left"]:
            note("the same command goes on from here")

    def _greet(self) -> None:
        drawn, offered = self.queue.drawn, self.queue.offered
        note(f"{self.about}: {drawn:,} of {offered:,} outputs, drawn at random; {self.queue.done:,} labelled before")
        if self.store.files.policy:
            _block("What is good", self.store.files.policy)
        if self.queue.outputs:
            note(f"\n{_KEYS}")

    def _answer(self, output: QueuedOutput) -> Literal["next", "quit"]:
        """Take keys until the output is done with."""
        while True:
            key = _read_key()
            if key in _RATINGS:
                self._keep(output, _RATINGS[key])
            elif key == "s":
                self.skipped.add(self.place)
            elif key == "z" and self.place:
                self.place -= 1
                self.words = {}
                return "next"
            elif key in {"q", _CTRL_D}:
                return "quit"
            else:
                self._edit(key, output)
                continue
            self.place += 1
            self.words = {}
            return "next"

    def _keep(self, output: QueuedOutput, rating: Rating) -> None:
        from promptship.domain import Label

        said = Label(
            case_id=output.case_id,
            output_digest=output.digest,
            rating=rating,
            rater=self.rater,
            note=self.words.get("note", ""),
            correction=self.words.get("correction", ""),
            propensity=output.propensity,
            guideline=self.store.files.guideline,
            run=output.run,
        )
        self.store.put(said, output.found)
        self.given[self.place] = rating
        self.skipped.discard(self.place)
        note(f"  {rating}")

    def _edit(self, key: str, output: QueuedOutput) -> None:
        if key == "n":
            self.words["note"] = _ask_line("note")
        elif key == "c":
            self.words["correction"] = _ask_answer(output)
        else:
            note(_KEYS)


def _read_key() -> str:
    try:
        return typer.getchar().lower()
    except EOFError:
        return _CTRL_D


def _ask_line(what: str) -> str:
    return str(typer.prompt(what, default="", show_default=False, err=True)).strip()


def _ask_answer(output: QueuedOutput) -> str:
    """Ask for a better answer: in the person's editor where one is set, else on one line."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        return _ask_line("better answer")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "better-answer.txt"
        path.write_text(output.output.text, encoding="utf-8", errors="replace")
        try:
            subprocess.run([*shlex.split(editor), str(path)], check=True)  # noqa: S603 - the editor that the person set
            edited = path.read_text(encoding="utf-8").rstrip("\n")
        except (OSError, UnicodeError, subprocess.CalledProcessError) as error:
            note(f"  nothing was taken: {error}")
            return ""
    return "" if edited == output.output.text.rstrip("\n") else edited


def _show(output: QueuedOutput, place: str) -> None:
    from promptship.report import as_text

    note(f"\n{'─' * 3} {place} {'─' * max(terminal_width() - len(place) - 5, 3)}")
    for name, value in output.inputs.items():
        _block(name, as_text(value))
    if output.expected is not None:
        _block("expected", as_text(output.expected))
    answer = output.output
    _block("OUTPUT", answer.text or as_text(list(answer.messages) or answer.data))


def _block(title: str, text: str) -> None:
    from promptship.report import escape_terminal

    note(_bold(escape_terminal(title)))
    for line in escape_terminal(text).split("\n"):
        note(f"  {line}")


def _bold(text: str) -> str:
    plain = not sys.stderr.isatty() or "NO_COLOR" in os.environ
    return text if plain else f"\x1b[1m{text}\x1b[0m"
