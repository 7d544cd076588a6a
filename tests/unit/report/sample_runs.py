"""Runs in memory, made of domain types: small ones for claims, and believable ones for looking at pages."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from promptship.domain import (
    CellError,
    CellKey,
    CellRecord,
    GateVerdict,
    GroupSummary,
    MetricSummary,
    Output,
    RunManifest,
    RunSummary,
    Score,
    Step,
    Totals,
    Usage,
    Variant,
    Verdict,
    decide_outcome,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

DIGEST = "sha256:" + "9f3c" * 16


@dataclass(frozen=True, kw_only=True)
class FakeRun:
    """A run whose records are in memory."""

    manifest: RunManifest
    summary: RunSummary
    verdict: Verdict | None
    cells: tuple[CellRecord, ...]
    directory: Path = Path(".promptship/runs/20261123-101500-abcdef")

    def records(self) -> Iterator[CellRecord]:
        return iter(self.cells)


def make_cell(
    case_id: str = "c-1",
    *,
    variant: int = 0,
    repeat: int = 0,
    text: str | None = "Paris",
    passed: bool | None = True,
    reason: str = "",
    value: float | None = None,
    error: CellError | None = None,
    place: str = "evalsets/capitals.jsonl:1",
    inputs: dict[str, object] | None = None,
    expected: object = "Paris",
    tags: dict[str, str] | None = None,
    **output: object,
) -> CellRecord:
    """Make a cell with one scorer, `icontains`."""
    score = Score(
        value=(None if passed is None else float(passed)) if value is None else value, passed=passed, reason=reason
    )
    scores = {} if text is None else {"icontains": score}
    return CellRecord(
        key=CellKey(variant, case_id, repeat),
        outcome=decide_outcome(error, scores, frozenset({"icontains"})),
        inputs={"question": "Capital of France?"} if inputs is None else inputs,
        expected=expected,
        tags=tags or {},
        cluster=None,
        output=None if text is None else Output(text=text, **output),
        scores=scores,
        error=error,
        case_place=place,
    )


def make_run(
    cells: Iterable[CellRecord],
    *,
    evalset: str = "capitals",
    variants: Sequence[Variant] | None = None,
    gates: Sequence[GateVerdict] | None = (),
    scorers: Sequence[str] = ("icontains",),
    **manifest: object,
) -> FakeRun:
    """Make a run whose figures are derived from its cells; `gates` None is a run without a verdict."""
    kept = tuple(cells)
    columns = tuple(variants or [Variant(label="hello", prompt="hello", digest=DIGEST, model_id="local/smollm2")])
    whole = RunManifest(
        run_id="20261123-101500-abcdef",
        plan_digest="sha256:" + "0" * 64,
        evalset=evalset,
        evalset_path=f"evalsets/{evalset}.yaml",
        evalset_digest="sha256:" + "1" * 64,
        scoring_digest="sha256:" + "2" * 64,
        variants=columns,
        scorers=tuple(scorers),
        required=tuple(scorers),
        repeats=1 + max((cell.key.repeat for cell in kept), default=0),
        cells=len(kept),
        gates=tuple(gate.gate for gate in gates or ()),
        created="2026-11-23T10:15:00Z",
        finished="2026-11-23T10:15:42Z",
        git_commit="89d295a1f00dcafe89d295a1f00dcafe89d295a1",
        promptship_version="0.1.0",
    )
    whole = replace(whole, **manifest)
    return FakeRun(
        manifest=whole,
        summary=summarise(whole, kept),
        verdict=None if gates is None else combine(gates),
        cells=kept,
    )


def combine(gates: Sequence[GateVerdict]) -> Verdict:
    """Return the worst of the gates, as `promptship.gates` does."""
    finding = next((word for word in ("fail", "inconclusive") if word in {gate.finding for gate in gates}), "pass")
    outcome = next((word for word in ("fail", "warn") if word in {gate.outcome for gate in gates}), "pass")
    return Verdict(finding=finding, outcome=outcome, gates=tuple(gates))


def gate(text: str = "pass_rate >= 0.9", outcome: str = "pass", **fields: object) -> GateVerdict:
    """Make a gate's verdict."""
    values = {
        "finding": "pass" if outcome == "pass" else "fail",
        "value": 0.95,
        "n": 60,
        "evalset": "capitals",
        **fields,
    }
    return GateVerdict(gate=text, outcome=outcome, **values)


def summarise(manifest: RunManifest, cells: Sequence[CellRecord]) -> RunSummary:
    """Derive a run's figures from its cells."""
    variants, slices = {}, {}
    for index, variant in enumerate(manifest.variants):
        mine = [cell for cell in cells if cell.key.variant == index]
        variants[variant.label] = _group(mine)
        names = sorted({f"{tag}={value}" for cell in mine for tag, value in cell.tags.items()})
        slices[variant.label] = {
            name: _group([cell for cell in mine if cell.tags.get(name.split("=")[0]) == name.split("=", 1)[1]])
            for name in names
        }
    return RunSummary(overall=_group(cells), variants=variants, slices=slices)


def _group(cells: Sequence[CellRecord]) -> GroupSummary:
    outcomes = [cell.outcome for cell in cells]
    outputs = [cell.output for cell in cells if cell.output]
    paid = [output.cost_usd for output in outputs if output.provenance == "called"]
    totals = Totals(
        cases=len(cells),
        passed=outcomes.count("passed"),
        failed=outcomes.count("failed"),
        error=outcomes.count("error"),
        unscored=outcomes.count("unscored"),
        requests=sum(output.calls for output in outputs),
        cached=sum(output.cached_calls for output in outputs),
        cost_usd=None if None in paid else sum(paid),
        wall_s=42.4,
    )
    return GroupSummary(totals=totals, metrics=_metrics(cells, totals))


def _metrics(cells: Sequence[CellRecord], totals: Totals) -> dict[str, MetricSummary]:
    latencies = sorted(cell.output.latency_s for cell in cells if cell.output) or [0.0]
    costs = [cell.output.cost_usd or 0.0 for cell in cells if cell.output]
    found = {
        "pass_rate": MetricSummary(mean=totals.pass_rate, n=totals.passed + totals.failed),
        "latency_p50_s": MetricSummary(mean=latencies[len(latencies) // 2], n=len(latencies)),
        "latency_p95_s": MetricSummary(mean=latencies[int(len(latencies) * 0.95)], n=len(latencies)),
        "cost_usd_per_case": MetricSummary(mean=sum(costs) / len(costs) if costs else None, n=len(costs)),
    }
    for name in dict.fromkeys(name for cell in cells for name in cell.scores):
        values = [cell.scores[name].value for cell in cells if name in cell.scores]
        known = [value for value in values if value is not None]
        found[name] = MetricSummary(mean=sum(known) / len(known) if known else None, n=len(known))
    return found


# What follows is made up to look like a support product's evalsets.

_MAILS = {
    "en": [
        "My parcel {n} has been at the depot for six days. Where is it?",
        "I was charged twice for order {n}. Please refund one of them.",
        "The zip of the Aspen jacket (order {n}) broke on day two. I want a new one, not a repair.",
        "hey can u cancel {n}?? ordered wrong size lol",
        "Do you ship to Norway, and who pays the customs on order {n}?",
    ],
    "de": [
        "Mein Paket {n} liegt seit sechs Tagen im Depot. Wo bleibt es?",
        "Die Bestellung {n} wurde doppelt abgebucht. Bitte erstatten Sie einen Betrag.",
        "Der Reißverschluss der Jacke aus Bestellung {n} ist kaputt - ich möchte Ersatz, keine Reparatur.",
    ],
    "es": [
        "Mi paquete {n} lleva seis días en el depósito. ¿Dónde está?",
        "Me cobraron dos veces el pedido {n}. Devuélvanme uno, por favor.",
        "Quiero cambiar la talla del pedido {n}, ¿cómo lo hago?",
    ],
}
_REPLIES = [
    (
        "Thank you for writing to us. I am sorry that order {n} is late. I have asked the carrier to look for it "
        "today, and you will hear from us by tomorrow noon. If it is lost we send a replacement at once."
    ),
    (
        "Hello, thanks for getting in touch. We see the second charge for {n} and have started a refund. "
        "It takes three to five working days, depending on your bank."
    ),
    "I'm sorry about the jacket. A replacement for order {n} is on its way; you can keep the broken one.",
    "As an AI language model, I cannot access your order {n}. Please contact the support team.",
]
_INTENTS = ["refund", "delivery", "exchange", "cancel", "customs", "other"]


def reply_run(cases: int = 60, repeats: int = 2, seed: int = 7) -> FakeRun:
    """Return a golden set of replies: two variants, repeats, three scorers."""
    rng = random.Random(seed)  # noqa: S311 - made-up data, the same each time
    variants = [
        Variant(label="support/reply", prompt="support/reply", digest=DIGEST, model_id="local/smollm2-135m-instruct"),
        Variant(
            label="support/reply+fast",
            prompt="support/reply",
            digest="sha256:" + "41d0" * 16,
            model_id="openai/gpt-4o-mini",
        ),
    ]
    cells = [
        _reply_cell(rng, index, variant, repeat)
        for index in range(cases)
        for variant in (0, 1)
        for repeat in range(repeats)
    ]
    gates = [
        gate(
            "pass_rate >= 0.9",
            "fail",
            value=0.8417,
            n=cases * repeats,
            evalset="support-golden",
            subject="support/reply",
            reason="0.8417 is below 0.9",
        ),
        gate(
            "pass_rate >= 0.9", value=0.9333, n=cases * repeats, evalset="support-golden", subject="support/reply+fast"
        ),
        gate(
            "pass_rate >= 0.85 [language=de]",
            "warn",
            finding="inconclusive",
            value=0.86,
            n=36,
            evalset="support-golden",
            reason="the interval holds 0.85",
            low=0.71,
            high=0.94,
            decided_by="bound",
            subject="support/reply",
        ),
        gate("cost_usd_per_case <= 0.002", value=0.00042, n=cases * repeats, evalset="support-golden"),
        gate("observed(latency_p95_s) <= 4", value=2.31, n=cases * repeats, evalset="support-golden"),
    ]
    return make_run(
        cells, evalset="support-golden", variants=variants, gates=gates, scorers=("polite", "no-placeholder", "similar")
    )


def _reply_cell(rng: random.Random, index: int, variant: int, repeat: int) -> CellRecord:
    language = ("en", "en", "de", "es")[index % 4]
    number = 48_000 + index * 37
    mail = _MAILS[language][index % len(_MAILS[language])].format(n=number)
    expected = _REPLIES[index % 3].format(n=number)
    weak = rng.random() < (0.25 if language == "es" and variant == 0 else 0.12 if variant == 0 else 0.05)
    text = (_REPLIES[3] if weak else expected.replace("today", "now").replace("at once", "right away")).format(n=number)
    similar = rng.betavariate(2, 6) if weak else rng.betavariate(12, 2)
    scores = {
        "polite": Score(
            value=float(not weak), passed=not weak, reason="" if not weak else "no word of thanks or regret"
        ),
        "no-placeholder": Score(
            value=float(not weak), passed=not weak, reason="" if not weak else "contains 'As an AI'"
        ),
        "similar": Score(value=similar, passed=similar >= 0.3, measure=round(1 - similar, 3), unit="cosine distance"),
    }
    error = (
        CellError(kind="RateLimitError", message="429: slow down, limit 600 per minute")
        if rng.random() < 0.012
        else None
    )
    cached = rng.random() < 0.3
    return CellRecord(
        key=CellKey(variant, f"reply-{index + 1:03}", repeat),
        outcome=decide_outcome(error, {} if error else scores, frozenset(scores)),
        inputs={"customer_message": mail, "company": "Nordwind", "order": {"id": str(number), "status": "shipped"}},
        expected=expected,
        tags={"language": language, "channel": ("mail", "chat", "phone")[index % 3]},
        cluster=f"mail-{index // 4}",
        output=None
        if error
        else Output(
            text=text,
            usage=Usage(prompt_tokens=312 + rng.randrange(60), completion_tokens=len(text) // 4),
            cost_usd=(0.0, 0.00042)[variant] * rng.uniform(0.7, 1.6),
            latency_s=rng.lognormvariate((0.2, -0.6)[variant], 0.45),
            served_model=("SmolLM2-135M-Instruct", "gpt-4o-mini-2024-07-18")[variant],
            provenance="cached" if cached else "called",
            calls=int(not cached),
            cached_calls=int(cached),
            finish_reason="length" if rng.random() < 0.03 else "stop",
        ),
        scores={} if error else scores,
        error=error,
        case_place=f"evalsets/support-golden.jsonl:{index + 1}",
    )


def triage_run(cases: int = 80, seed: int = 3) -> FakeRun:
    """Return a classification set whose gates pass."""
    rng = random.Random(seed)  # noqa: S311 - made-up data, the same each time
    cells = []
    for index in range(cases):
        language = ("en", "de", "es")[index % 3]
        wanted = _INTENTS[index % len(_INTENTS)]
        text = wanted if rng.random() < 0.9 else rng.choice(_INTENTS)
        score = Score(
            value=float(text == wanted), passed=text == wanted, reason="" if text == wanted else f"expected {wanted!r}"
        )
        cells.append(
            CellRecord(
                key=CellKey(0, f"c-{rng.getrandbits(48):012x}", 0),
                outcome="passed" if score.passed else "failed",
                inputs={"message": _MAILS[language][index % 3].format(n=index)},
                expected=wanted,
                tags={"language": language, "intent": wanted},
                cluster=None,
                output=Output(
                    text=text,
                    latency_s=rng.lognormvariate(-2.2, 0.3),
                    cost_usd=0.0,
                    calls=1,
                    usage=Usage(prompt_tokens=180, completion_tokens=2),
                    choice_logprobs={intent: -rng.uniform(1, 9) for intent in _INTENTS} | {text: -0.2},
                ),
                scores={"equals": score},
                case_place=f"evalsets/triage.csv:{index + 2}",
            )
        )
    gates = [gate("pass_rate >= 0.6", value=0.9, n=cases, evalset="triage")]
    variant = Variant(
        label="support/triage", prompt="support/triage", digest=DIGEST, model_id="local/smollm2-135m-instruct"
    )
    return make_run(cells, evalset="triage", variants=[variant], gates=gates, scorers=("equals",))


def extract_run(cases: int = 64, seed: int = 5) -> FakeRun:
    """Return an extraction set with data outputs, tool calls and a case that is unscored."""
    rng = random.Random(seed)  # noqa: S311 - made-up data, the same each time
    cells = []
    for index in range(cases):
        wanted = {
            "order_id": str(48_000 + index),
            "item": rng.choice(["jacket", "tent", "stove"]),
            "quantity": 1 + index % 3,
        }
        mail = (
            f"Please send {wanted['quantity']} {wanted['item']}(s) again, order {wanted['order_id']}. 日本語も可 👩‍💻"
        )
        found = dict(wanted) if rng.random() < 0.94 else wanted | {"item": "unknown", "colour": "red"}
        valid = found == wanted
        scores = {
            "json-schema": Score(value=1.0, passed=True),
            "fields": Score(
                value=1.0 if valid else 0.667,
                passed=valid,
                reason="" if valid else "item: 'unknown' is not the expected",
            ),
            "judge": Score(value=None, passed=None, reason="the judge gave no verdict")
            if index == 9
            else Score(value=0.9, passed=True),
        }
        call = {
            "id": f"call_{index}",
            "type": "function",
            "function": {"name": "lookup_order", "arguments": '{"id": "48000"}'},
        }
        cells.append(
            CellRecord(
                key=CellKey(0, f"extract-{index:02}", 0),
                outcome=decide_outcome(None, scores, frozenset(scores)),
                inputs={"mail": mail},
                expected=wanted,
                tags={"source": "mail" if index % 2 else "form"},
                cluster=None,
                output=Output(
                    text=json.dumps(found),
                    data=found,
                    latency_s=rng.lognormvariate(-0.5, 0.3),
                    cost_usd=0.0001,
                    calls=1,
                    messages=({"role": "assistant", "content": None, "tool_calls": [call]},) if index % 8 == 0 else (),
                    steps=(
                        Step(
                            kind="tool",
                            name="lookup_order",
                            input={"id": "48000"},
                            output={"status": "sent"},
                            latency_s=0.02,
                        ),
                    )
                    if index % 8 == 0
                    else (),
                ),
                scores=scores,
                case_place=f"evalsets/extract.yaml:{12 + index * 4}",
            )
        )
    gates = [
        gate(
            "every case passes",
            "warn",
            finding="inconclusive",
            value=0.95,
            n=cases,
            evalset="extract",
            decided_by="bound",
            reason="61 of 64 passed: the interval reaches from 0.87 to 0.98",
            low=0.87,
            high=0.98,
        )
    ]
    variant = Variant(
        label="support/extract", prompt="support/extract", digest=DIGEST, model_id="local/smollm2-135m-instruct"
    )
    return make_run(
        cells, evalset="extract", variants=[variant], gates=gates, scorers=("json-schema", "fields", "judge")
    )


def large_run(cases: int = 20_000, words: int = 60, seed: int = 11) -> FakeRun:
    """Return one variant over many cases whose outputs are random words: they compress badly, so files are large."""
    rng = random.Random(seed)  # noqa: S311 - made-up data, the same each time
    vocabulary = ["".join(rng.choices("abcdefghijklmnoprstuvwz", k=rng.randint(2, 9))) for _ in range(4000)]
    cells = []
    for index in range(cases):
        text = " ".join(rng.choices(vocabulary, k=words))
        passed = rng.random() < 0.9
        cells.append(
            CellRecord(
                key=CellKey(0, f"case-{index:05}", 0),
                outcome="passed" if passed else "failed",
                inputs={"question": " ".join(rng.choices(vocabulary, k=20))},
                expected=" ".join(rng.choices(vocabulary, k=20)),
                tags={"language": ("en", "de", "es")[index % 3], "topic": f"topic-{index % 12}"},
                cluster=None,
                output=Output(
                    text=text,
                    latency_s=rng.lognormvariate(-0.5, 0.5),
                    cost_usd=0.0004 * rng.random(),
                    calls=1,
                    usage=Usage(prompt_tokens=200, completion_tokens=80),
                ),
                scores={
                    "icontains": Score(
                        value=float(passed), passed=passed, reason="" if passed else "the answer is not in it"
                    ),
                    "levenshtein": Score(
                        value=rng.random(), passed=True, measure=float(rng.randrange(90)), unit="edits"
                    ),
                },
                case_place=f"evalsets/large.jsonl:{index + 1}",
            )
        )
    return make_run(
        cells, evalset="large", gates=[gate(evalset="large", n=cases)], scorers=("icontains", "levenshtein")
    )
