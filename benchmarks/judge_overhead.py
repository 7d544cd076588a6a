"""What a judge costs beside its model: CPU of a call, and whether a rubric keeps the model busy.

    python benchmarks/judge_overhead.py --write benchmarks/results/judge_overhead.md

1. CPU: rounds of plain calls and of judge calls, in turn, against a server on loopback that answers after 20 ms. A
   plain call hands finished messages to the model that `ModelHub` opens; a judge call is `score` of an `llm-rubric`
   with one criterion: prompt, schema, answer, quotes, reasons, vote, score. Both send the same messages.
2. Concurrency: `promptctl eval` of a rubric with six criteria against a server that takes 50 to 200 ms. The server says
   how many calls were in flight at it, on the mean from the first to the last. Once over stored outputs, so that all
   calls are the judge's, and once with the prompt under test asked at the same server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness import run_measured, stats_of
from promptship.domain import Case, CompletionRequest, ModelConfig, Output, Score, ScoreInput, ScorerSpec
from promptship.models import ModelHub
from promptship.scorers import ScorerContext, build_scorer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    from promptship.domain import CompletionModel, Message, Response

HERE = Path(__file__).parent
PROGRAM = str(Path(sys.executable).parent / "promptctl")
MOST_CPU_MS = 1.0
FULL = 0.9
MEAN_LATENCY_S = 0.125
REPLY = "Thank you for your mail about order {number}. The tent left on Monday, and you get 30 EUR back within a week."
QUOTE = "you get 30 EUR back"
ANSWER = json.dumps({"evidence": [QUOTE], "rationale": "It names the sum and the time. Hence yes.", "verdict": "yes"})
CRITERIA = (
    "Names the sum that is refunded.",
    "Names the day on which the order left.",
    "Is kind to the customer.",
    "Promises nothing that the order does not hold.",
    "Is written in the language of the mail.",
    "Needs no second mail to be understood.",
)


class Recorder:
    """Opens one model for judges, and keeps the messages that it is sent."""

    def __init__(self, model: CompletionModel, config: ModelConfig) -> None:
        self._model = model
        self._config = config
        self.sent: list[tuple[Message, ...]] = []

    def completion(self, name: str) -> tuple[CompletionModel, ModelConfig]:
        """See `promptship.domain.Instruments.completion`."""
        del name
        return self, self._config  # type: ignore[return-value]  # nobody streams a verdict

    async def complete(self, request: CompletionRequest) -> Response:
        """See `CompletionModel.complete`."""
        self.sent.append(request.messages)
        return await self._model.complete(request)


@dataclass(frozen=True, kw_only=True)
class Busy:
    """One run of a rubric."""

    name: str
    calls: int
    wall_s: float
    busy_s: float
    cpu_s: float
    mean: float
    peak: int


@contextmanager
def server(*latency_ms: float) -> Iterator[str]:
    """Start the mock server and end it."""
    own = ["--latency-ms", *map(str, latency_ms), "--answer", ANSWER]
    command = [sys.executable, str(HERE / "mock_server.py"), *own]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait(timeout=10)


def config_of(origin: str, in_flight: int) -> ModelConfig:
    """Return the config of the server's model."""
    return ModelConfig(
        name="judge", model="openai/mock", base_url=f"{origin}/v1", limits={"concurrency": in_flight, "retries": 0}
    )


async def in_parallel(jobs: Sequence[Callable[[], Awaitable[object]]], in_flight: int) -> float:
    """Run jobs, so many at once, and return the CPU milliseconds of each."""
    waiting = iter(jobs)

    async def work() -> None:
        for job in waiting:
            await job()

    started = time.process_time()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    return 1000 * (time.process_time() - started) / len(jobs)


async def measure_cpu(origin: str, *, calls: int, rounds: int, in_flight: int) -> list[tuple[float, float]]:
    """Return for each round the CPU milliseconds of a plain call and of a judge call."""
    hub = ModelHub(endpoints={}, env={}, concurrency=in_flight)
    config = config_of(origin, in_flight)
    model = hub.open(config)
    recorder = Recorder(model, config)
    spec = ScorerSpec(type="llm-rubric", name="rubric", value=CRITERIA[0], has_value=True)
    scorer = build_scorer(spec, ScorerContext(instruments=recorder))  # type: ignore[arg-type]  # models for judges only

    async def judge(item: ScoreInput) -> None:
        found = scorer.score(item)
        score = found if isinstance(found, Score) else await found
        assert score.passed is True, score

    found = []
    for number in range(rounds + 1):
        items = [make_item(number * calls + place) for place in range(calls)]
        recorder.sent.clear()
        judged = await in_parallel([lambda item=item: judge(item) for item in items], in_flight)
        requests = [CompletionRequest(messages=messages, params={"temperature": 0}) for messages in recorder.sent]
        plain = await in_parallel([lambda one=one: model.complete(one) for one in requests], in_flight)
        # The first round warms both up.
        if number:
            found.append((plain, judged))
    await hub.aclose()
    return found


def make_item(number: int) -> ScoreInput:
    """Return an output and its case."""
    case = Case(id=str(number), inputs={"mail": f"Where is order {number}?"})
    return ScoreInput(output=Output(text=REPLY.format(number=number)), case=case)


def write_project(folder: Path, origin: str, cases: int, in_flight: int, *, stored: bool) -> None:
    """Write a project whose evalset has a rubric of six criteria."""
    (folder / "prompts").mkdir()
    (folder / "evalsets").mkdir()
    limits = f"limits: {{concurrency: {in_flight}, retries: 0}}"
    models = f"default: {{model: openai/mock, base_url: {origin}/v1, {limits}}}\n"
    (folder / "prompts" / "models.yaml").write_text(models)
    # The server answers with the end of the message, and so with what its verdicts quote.
    (folder / "prompts" / "reply.prompt").write_text(f"{{{{ mail }}}} Say that {QUOTE}\n")
    (folder / "promptship.toml").write_text("")
    source = "target: {outputs: out.jsonl}" if stored else "prompt: reply"
    rubric = {"type": "llm-rubric", "value": list(CRITERIA)}
    (folder / "evalsets" / "bench.yaml").write_text(f"{source}\nscorers: [{json.dumps(rubric)}]\ncases: bench.jsonl\n")
    rows = [{"id": str(number), "inputs": {"mail": f"Where is order {number}?"}} for number in range(cases)]
    (folder / "evalsets" / "bench.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    outputs = [{"id": str(number), "text": REPLY.format(number=number)} for number in range(cases)]
    (folder / "evalsets" / "out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in outputs))


def measure_concurrency(cases: int, in_flight: int, *, stored: bool) -> Busy:
    """Run the evalset once."""
    with server(50, 200) as origin, tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_project(folder, origin, cases, in_flight, stored=stored)
        command = [PROGRAM, "eval", "bench", "--concurrency", str(in_flight), "--json"]
        wall_s, cpu_s, _, printed = run_measured(command, folder, {})
        stats = stats_of(origin)
    found = json.loads(printed)["totals"]
    assert found["passed"] == cases, found
    return Busy(
        name="stored outputs" if stored else "prompt and judge",
        calls=stats["requests"],
        wall_s=wall_s,
        busy_s=stats["busy_s"],
        cpu_s=cpu_s,
        mean=stats["mean_in_flight"],
        peak=stats["peak_in_flight"],
    )


def render(
    rounds: Sequence[tuple[float, float]], calls: int, runs: Sequence[Busy], cases: int, asked: int
) -> list[str]:
    """Write the report."""
    plain, judged = (statistics.median(one[side] for one in rounds) for side in (0, 1))
    over = statistics.median(one[1] - one[0] for one in rounds)
    spread = sorted(one[1] - one[0] for one in rounds)
    rows = [
        f"| {run.name} | {run.calls} | {run.mean:.1f} ({run.mean / asked:.0%}) | {run.peak} | {run.busy_s:.1f} | "
        f"{run.calls * MEAN_LATENCY_S / asked:.1f} | {run.wall_s:.1f} | {run.cpu_s:.1f} |"
        for run in runs
    ]
    full = min(run.mean for run in runs) / asked
    shown = f"{over:.2f} ms (rounds: {spread[0]:.2f} to {spread[-1]:.2f})"
    targets = {
        f"a judge call takes at most {MOST_CPU_MS:g} ms of CPU more than a plain one": (shown, over <= MOST_CPU_MS),
        f"the configured concurrency is kept full (at least {FULL:.0%} on the mean)": (f"{full:.0%}", full >= FULL),
    }
    head = ("run", "calls", "mean in flight", "peak", "first to last call s", "ideal s", "with start-up s", "CPU s")
    load = os.getloadavg()[0]
    return [
        f"{os.cpu_count()} cores, load average {load:.1f} at the end; {len(rounds)} rounds of {calls} calls.",
        "",
        "| CPU of a call, median | ms |",
        "|---|---|",
        f"| plain | {plain:.2f} |",
        f"| as a judge | {judged:.2f} |",
        f"| the judge's own | {shown} |",
        "",
        f"`promptctl eval`, {cases} cases, six criteria, 50 to 200 ms a call, `--concurrency {asked}`. Ideal is the",
        "mean latency times the calls over the concurrency.",
        "",
        f"| {' | '.join(head)} |",
        "|---" * len(head) + "|",
        *rows,
        "",
        "| target | measured | met |",
        "|---|---|---|",
        *(f"| {name} | {found} | {'yes' if met else 'no'} |" for name, (found, met) in targets.items()),
    ]


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000, help="of each kind in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    with server(20) as origin:
        rounds = asyncio.run(
            measure_cpu(origin, calls=options.calls, rounds=options.rounds, in_flight=options.in_flight)
        )
    runs = [measure_concurrency(options.cases, options.in_flight, stored=stored) for stored in (True, False)]
    lines = render(rounds, options.calls, runs, options.cases, options.in_flight)
    print("\n".join(lines))
    if options.write:
        head = ["# What a judge costs beside its model", "", "`python benchmarks/judge_overhead.py`", ""]
        options.write.write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
