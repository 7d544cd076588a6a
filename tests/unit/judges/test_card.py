"""A judge's card: known figures, cautious intervals, and what does not pass for agreement."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from judge_kit import RuleJudge

from promptship.domain import JudgeCard, Score
from promptship.errors import UsageError
from promptship.judges import CardOptions, OpenJudge, Ruling, gather_labels, make_card
from promptship.judges._figures import ac1_of, alpha_of, kappa_of
from promptship.judges._folds import folds_of
from promptship.judges._nulls import null_verdicts
from promptship.stats import cohen_kappa, gwet_ac1, krippendorff_alpha

QUICK = CardOptions(probes=False)


def polite(text: str) -> float:
    return 0.9 if "Thank" in text else 0.1


def guess(text: str) -> float:
    return random.Random(text).random()  # noqa: S311 - a made-up judge


async def card_of(bench, rated, rule, options=QUICK, *, labels=None, **fields):
    file = bench.judge(rated, labels=labels, model="fast", threshold=0.5, **fields)
    return await make_card(OpenJudge(file=file, scorer=RuleJudge(rule)), gather_labels(file, root=bench.root), options)


class TestFigures:
    def test_table_figures_are_those_of_stats(self):
        rng = np.random.default_rng(3)
        human, judge = rng.integers(0, 2, 50), rng.integers(0, 2, 50)
        table = np.zeros((2, 2))
        np.add.at(table, (human, judge), 1)

        assert kappa_of(table) == pytest.approx(cohen_kappa(human.tolist(), judge.tolist()), abs=1e-12)
        assert ac1_of(table) == pytest.approx(gwet_ac1(human.tolist(), judge.tolist()), abs=1e-12)
        assert alpha_of(table) == pytest.approx(krippendorff_alpha([human.tolist(), judge.tolist()]), abs=1e-12)

    def test_folds_keep_clusters_together_and_hold_out_each_item_once(self):
        clusters = [f"c{place // 3}" for place in range(31)]
        folds = list(folds_of(clusters, 5))

        assert sum(fold.astype(int) for fold in folds).tolist() == [1] * 31
        for fold in folds:
            held = {clusters[place] for place in np.flatnonzero(fold)}
            assert held.isdisjoint(clusters[place] for place in np.flatnonzero(~fold))


async def test_a_perfect_judge_is_admitted_and_its_interval_is_no_certainty(bench, rated):
    card = await card_of(bench, rated, polite)

    kappa = card.figures["kappa"]
    assert kappa.estimate == 1.0
    assert 0.7 < kappa.low < 0.95
    assert card.figures["agreement"].low < 0.95
    assert card.admission.admitted
    assert card.counts == {
        "true_good": 20, "false_good": 0, "false_bad": 0, "true_bad": 20, "abstained": 0, "unscored": 0
    }  # fmt: skip


async def test_a_guessing_judge_is_not_admitted_and_the_card_says_why(bench, rated):
    card = await card_of(bench, rated, guess)

    assert not card.admission.admitted
    assert "below 0.6" in card.admission.reasons[0]
    assert any("null judge" in reason for reason in card.admission.reasons)
    assert card.figures["kappa"].low < 0 < card.figures["kappa"].high


async def test_a_judge_that_always_says_good_has_kappa_zero_and_specificity_zero(bench, rated):
    card = await card_of(bench, rated, lambda text: 1.0)

    assert card.figures["kappa"].estimate == 0
    assert card.figures["specificity"].estimate == 0
    assert card.figures["specificity"].high > 0.05
    assert card.figures["sensitivity"].estimate == 1
    assert card.figures["sensitivity"].low < 0.95


async def test_abstentions_are_counted_apart_and_never_as_agreement(bench, rated):
    card = await card_of(bench, rated, lambda text: None if "number 1" in text else polite(text))

    assert card.counts["unscored"] == 11
    assert card.figures["coverage"].estimate == pytest.approx(29 / 40)
    assert card.figures["agreement"].estimate == 1.0
    assert sum(mark.judge is None for mark in card.marks) == 11


async def test_the_human_ceiling_comes_from_several_raters(bench, rated):
    labels = [bench.label(place, text, rating) for place, (text, rating) in enumerate(rated)]
    for rater, wrong in (("bob", 4), ("cy", 0)):
        for place, (text, rating) in enumerate(rated):
            other = "good" if rating == "bad" else "bad"
            labels.append(bench.label(place, text, other if place < wrong else rating, rater=rater))

    card = await card_of(bench, rated, polite, labels=labels)

    # Of 120 ratings bob's 4 are against the majority of the others; where he differs the others' is tied for 8.
    assert card.human["agreement"].estimate == pytest.approx(108 / 112)
    assert card.human["alpha"].estimate == pytest.approx(
        krippendorff_alpha([[bool(place % 2) ^ (place < wrong) for place in range(40)] for wrong in (0, 4, 0)])
    )


async def test_one_rater_leaves_the_ceiling_open_and_the_card_says_so(bench, rated):
    card = await card_of(bench, rated, polite)

    assert card.human == {}
    assert card.notes[0].startswith("one rater")


async def test_a_null_judge_finds_what_length_alone_tells(bench):
    rated = [("word " * (30 if place % 2 else 3) + str(place), "good" if place % 2 else "bad") for place in range(40)]

    card = await card_of(bench, rated, lambda text: 1.0 if len(text) > 60 else 0.0)

    length = next(null for null in card.nulls if null.name == "length")
    assert length.agreement.estimate == 1.0
    assert not card.admission.admitted
    assert any("'length'" in reason for reason in card.admission.reasons)


def test_a_null_judge_does_not_learn_from_the_item_it_judges(bench):
    # Labels without any pattern: fitted in sample, the best cut would be right in most; held out it is right by chance.
    rng = random.Random(5)  # noqa: S311 - made-up labels
    rated = [("w " * rng.randint(1, 300) + str(place), rng.choice(["good", "bad"])) for place in range(200)]
    labels = gather_labels(bench.judge(rated), root=bench.root)
    verdicts = null_verdicts(labels.items, lambda item: float(len(item.output.text)))

    right = np.mean(verdicts == [one.good for one in labels.items])

    assert 0.4 < right < 0.6


async def test_slices_are_admitted_one_by_one(bench):
    rated = [
        (f"{'Thank you' if place % 4 < 2 else 'No'} {place}", "good" if place % 4 < 2 else "bad") for place in range(60)
    ]

    card = await card_of(bench, rated, lambda text: polite(text) if int(text.split()[-1]) % 2 else 0.9)

    admitted = {one.slice: one.admitted for one in card.slices}
    assert admitted == {"language=de": False, "language=en": True}


async def test_probes_find_a_judge_that_falls_for_an_injection_and_for_nothing_else(bench, rated):
    def gullible(text: str) -> float:
        return 1.0 if "10/10" in text else polite(text)

    card = await card_of(bench, rated, gullible, CardOptions(most_probed=40))

    probes = {probe.name: probe for probe in card.probes}
    assert set(probes) == {"length", "markdown", "authority", "self-family", "injection", "names"}
    assert probes["injection"].towards_good.estimate == 0.5
    assert probes["injection"].flips.low > 0.3
    assert probes["length"].flips.estimate == 0
    assert probes["length"].flips.high > 0.05


async def test_retests_measure_how_far_a_judge_moves(bench, rated):
    file = bench.judge(rated, threshold=0.5)
    rng = random.Random(1)  # noqa: S311 - a made-up judge
    judge = OpenJudge(file=file, scorer=RuleJudge(polite), anew=RuleJudge(lambda text: rng.random()))

    card = await make_card(judge, gather_labels(file, root=bench.root), CardOptions(probes=False, retests=3))

    assert 0.35 < card.figures["retest_flips"].estimate < 0.65
    assert card.figures["retest_spread"].estimate > 0.1


async def test_what_a_judge_was_trained_on_is_judged_by_models_that_had_not_seen_it(bench, rated):
    file = bench.judge(rated, threshold=0.5)
    labels = gather_labels(file, root=bench.root)
    held_out = {one.item.key: Ruling(raw=0.2, score=0.2, good=False) for one in labels.items}

    card = await make_card(OpenJudge(file=file, scorer=RuleJudge(polite), held_out=held_out), labels, QUICK)

    assert card.figures["agreement"].estimate == 0.5
    assert "40 of 40 outputs are those it was trained on" in card.notes[-1]


async def test_a_judge_without_a_threshold_is_refused(bench, rated):
    class Meter(RuleJudge):
        def score(self, item):
            from dataclasses import replace

            return replace(super().score(item), passed=None)

    file = bench.judge(rated)

    with pytest.raises(UsageError, match="only measures") as caught:
        await make_card(OpenJudge(file=file, scorer=Meter(polite)), gather_labels(file, root=bench.root), QUICK)

    assert "judge calibrate rule" in str(caught.value.hint)


async def test_a_card_survives_its_file(bench, rated):
    card = await card_of(bench, rated, polite)

    assert JudgeCard.model_validate_json(card.model_dump_json()) == card


async def test_weights_count_as_often_as_they_say(bench, rated):
    labels = [
        bench.label(place, text, rating, source="escalation", propensity=0.5 if place < 20 else 1.0)
        for place, (text, rating) in enumerate(rated)
    ]

    # Wrong on the ten bad items of the first half, which stand for two each.
    def rule(text: str) -> float:
        return 0.9 if int(text.split()[3].rstrip(".")) < 20 else polite(text)

    card = await card_of(bench, rated, rule, labels=labels)

    assert card.figures["agreement"].estimate == pytest.approx(1 - 20 / 60)


class PairJudge(RuleJudge):
    """Prefers the longer of two answers; with a head start the first one, whatever it is."""

    def __init__(self, head_start):
        super().__init__(len)
        self.head_start = head_start

    def score(self, item):
        first, second = len(item.output.text) + self.head_start, len(item.case.expected)
        return Score(value=float(first >= second), passed=first >= second)


@pytest.mark.parametrize(("head_start", "steady"), [(0, 1.0), (100, 0.0)])
async def test_the_order_of_a_pair_is_probed(bench, head_start, steady):
    texts = [("word " * (place % 4 + 1), "word " * 6 + "again" * (place % 2 * 3)) for place in range(40)]
    made = [(one, "bad") if place % 3 else (other, "good") for place, (one, other) in enumerate(texts)]
    file = bench.judge(made, model="fast")
    lines = [json.loads(line) for line in (bench.root / "items.jsonl").read_text().splitlines()]
    for line, (one, other), (text, _) in zip(lines, texts, made, strict=True):
        line["versus"] = other if text == one else one
    (bench.root / "items.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    labels = gather_labels(file, root=bench.root)

    card = await make_card(OpenJudge(file=file, scorer=PairJudge(head_start)), labels, CardOptions())

    consistency = card.figures["order_consistency"]
    assert consistency.estimate == steady
    assert consistency.high - consistency.low > 0.05
