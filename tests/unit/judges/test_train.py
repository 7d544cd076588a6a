"""Trained judges: learners, nested folds, abstention, files, and the scorer."""

from __future__ import annotations

import json

import numpy as np
import orjson
import pytest
from judge_kit import RuleJudge

from promptship.domain import Case, Output, ScoreInput, ScorerSpec
from promptship.errors import ScorerSetupError, UsageError
from promptship.judges import (
    TrainingData,
    TrainingPlan,
    calibrate_judge,
    compare_cards,
    gather_labels,
    make_card,
    train_judge,
    train_on,
)
from promptship.judges._ask import OpenJudge
from promptship.judges._calibrate import find_threshold
from promptship.judges._card import CardOptions
from promptship.judges._learn import fit_boosted, fit_logistic
from promptship.scorers import FeaturePlan, FeatureTools, ScorerContext, build_scorer, compute_features, score


class Letters:
    """An embedder: how often each of a few words stands in a text."""

    identity = "letters"

    async def embed(self, texts):
        words = ("thank", "away", "number", "so", "question")
        return np.asarray([[1e-3 + text.lower().count(word) for word in words] for text in texts], dtype=np.float32)


def data_of(n=240, *, seed=0, noise=0.0, families=1):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 4))
    chance = 1 / (1 + np.exp(-3 * rows[:, 0] + 2 * rows[:, 1]))
    human = (rng.uniform(size=n) < (1 - noise) * chance + noise / 2).astype(float)
    return TrainingData(
        names=("a", "b", "c", "d"),
        rows=rows,
        human=human,
        weights=np.ones(n),
        clusters=tuple(f"f{place // families}" for place in range(n)),
    )


class TestLearners:
    def test_logistic_is_at_the_minimum_of_its_loss(self):
        data = data_of()
        found = fit_logistic(data.rows, data.human, data.weights, strength=0.5)
        chance = 1 / (1 + np.exp(-found.margin(data.rows)))

        slope = 0.5 * data.rows.T @ (chance - data.human) + np.asarray(found.weights)

        assert np.abs(slope).max() < 1e-6
        assert abs((chance - data.human).sum()) < 1e-6

    def test_many_figures_lead_to_the_same_minimum_as_few(self):
        data = data_of(80)
        blown_up = np.concatenate([data.rows, np.zeros((80, 200))], axis=1)

        few = fit_logistic(data.rows, data.human, data.weights, strength=1)
        many = fit_logistic(blown_up, data.human, data.weights, strength=1)

        assert many.weights[:4] == pytest.approx(few.weights, abs=1e-3)
        assert not any(many.weights[4:])

    def test_without_an_intercept_nothing_is_said_of_two_equal_answers(self):
        data = data_of(80)

        found = fit_logistic(data.rows, np.ones(80), data.weights, strength=1, has_intercept=False)

        assert found.intercept == 0
        assert found.margin(np.zeros((1, 4)))[0] == 0

    def test_a_row_of_weight_two_is_a_row_twice(self):
        data = data_of(60)
        twice = np.concatenate([data.rows, data.rows[:10]]), np.concatenate([data.human, data.human[:10]])

        weighted = fit_logistic(data.rows, data.human, np.r_[np.full(10, 2.0), np.ones(50)], strength=1)

        assert weighted.weights == pytest.approx(fit_logistic(*twice, np.ones(70), strength=1).weights, abs=1e-4)

    def test_boosting_learns_what_no_line_can(self):
        rng = np.random.default_rng(1)
        rows = rng.uniform(-1, 1, size=(400, 3))
        human = ((rows[:, 0] > 0) ^ (rows[:, 1] > 0.2)).astype(float)

        boosted = fit_boosted(rows[:300], human[:300], np.ones(300), rounds=80)
        linear = fit_logistic(rows[:300], human[:300], np.ones(300), strength=1)

        assert np.mean((boosted.margin(rows[300:]) > 0) == human[300:]) > 0.85
        assert np.mean((linear.margin(rows[300:]) > 0) == human[300:]) < 0.7


class TestTraining:
    def test_labels_without_a_pattern_give_no_better_than_chance(self):
        data = data_of(150, noise=1.0)

        found = train_on(data, TrainingPlan(), name="noise")

        right = np.mean((found.chances >= 0.5) == data.human)
        assert 0.35 < right < 0.65

    def test_copies_in_a_family_are_never_seen_by_the_model_that_judges_them(self):
        # Every item four times, with labels without a pattern: seen copies would be recalled.
        rng = np.random.default_rng(4)
        rows, human = (
            np.repeat(rng.normal(size=(60, 30)), 4, axis=0),
            np.repeat(rng.integers(0, 2, 60), 4).astype(float),
        )
        data = TrainingData(
            names=tuple(f"n{place}" for place in range(30)),
            rows=rows,
            human=human,
            weights=np.ones(240),
            clusters=tuple(f"f{place // 4}" for place in range(240)),
        )

        found = train_on(data, TrainingPlan(learner="boosting"), name="copies")

        assert np.mean((found.chances >= 0.5) == human) < 0.65

    def test_abstention_keeps_about_the_error_it_was_trained_for(self):
        wrong = answered = 0
        for seed in range(4):
            data = data_of(300, seed=seed, noise=0.1)
            found = train_on(data, TrainingPlan(learner="logistic", error=0.15), name="sure")
            decided = [
                (said, bool(true)) for said, true in zip(found.verdicts, data.human, strict=True) if said is not None
            ]
            answered += len(decided)
            wrong += sum(said is not true for said, true in decided)

        assert 300 < answered < 1_200
        assert wrong / answered < 0.15 + 3 * (0.15 * 0.85 / answered) ** 0.5

    def test_a_judge_of_pairs_says_the_opposite_of_the_swapped_pair(self):
        data = data_of()
        pairs = TrainingData(**{**{name: getattr(data, name) for name in data.__slots__}, "is_pairwise": True})

        model = train_on(pairs, TrainingPlan(learner="logistic"), name="pairs").model
        margins = model.learner.margin(data.rows / np.asarray(model.scale))
        swapped = model.learner.margin(-data.rows / np.asarray(model.scale))

        assert margins == pytest.approx(-swapped)


async def train(bench, rated, **fields):
    judge = bench.judge(
        rated, type="trained-judge", model="", train={"embed": ["output"], "learner": "logistic", **fields}
    )
    labels = gather_labels(judge, root=bench.root, purpose="train")
    return judge, labels, await train_judge(judge, labels, FeatureTools(embedder=Letters()))


async def test_what_was_trained_is_found_by_its_name_and_scores(bench, rated):
    judge, _, training = await train(bench, rated)
    folder = bench.root / "evalsets" / "judges"
    folder.mkdir(parents=True)
    (folder / f"{judge.name}.model.json").write_bytes(orjson.dumps(training.model.as_json()))

    class Opened:
        def embedder(self, name):
            return Letters()

    context = ScorerContext(project_root=bench.root, instruments=Opened())
    spec = ScorerSpec(type="trained-judge", name="tone", value=judge.name, has_value=True, path="evalsets/e.yaml")
    scorer = build_scorer(spec, context)
    case = Case(id="x", inputs={"question": "Where?"})

    good = await scorer.score(ScoreInput(output=Output(text="Thank you, number 99."), case=case))
    bad = await scorer.score(ScoreInput(output=Output(text="Go away, number 99."), case=case))

    assert (good.passed, bad.passed) == (True, False)
    assert good.value > 0.8
    assert bad.value < 0.2


async def test_a_trained_judge_s_card_is_of_models_that_had_not_seen_the_item(bench, rated):
    shuffled = [
        (text, rated[(place * 7 + 3) % 40][1] if place % 3 else rating) for place, (text, rating) in enumerate(rated)
    ]
    _judge, labels, training = await train(bench, shuffled)

    held_out = training.model.held_out

    assert len(held_out) == 40
    assert [held_out[one.item.key].chance for one in labels.items] == pytest.approx(training.chances.tolist())


async def test_without_an_embedder_a_model_that_embeds_is_refused(bench, rated):
    _, _, training = await train(bench, rated)
    spec = ScorerSpec(type="trained-judge", name="tone", value=training.model.as_json(), has_value=True)

    with pytest.raises(ScorerSetupError, match="asks an embedder"):
        build_scorer(spec)


def test_another_embedder_than_in_training_is_refused():
    class Opened:
        def embedder(self, name):
            return Letters()

    model = {**BRIEF, "plan": {"embed": ["output"]}, "embedder": "minilm"}
    spec = ScorerSpec(type="trained-judge", name="tone", value=model, has_value=True)

    with pytest.raises(ScorerSetupError, match="trained with the embedder 'minilm'; this project's is 'letters'"):
        build_scorer(spec, ScorerContext(instruments=Opened()))


BRIEF = {
    "trained_judge": 1, "name": "brief", "columns": ["surface:words"], "mean": [2.4], "scale": [1.0],
    "learner": {"kind": "logistic", "weights": [-4.0], "intercept": 0.0},
    "calibration": {"method": "platt", "slope": 1.0, "offset": 0.0}, "threshold": 0.5,
}  # fmt: skip
LOOP = {"feature": [0, 0], "threshold": [0, 0], "left": [1, 0], "right": [1, 0], "value": [0, 0]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"trained_judge": 2}, "format 2"),
        ({"mean": []}, "0 figures where 1 are expected"),
        ({"learner": {"kind": "boosting", "base": 0, "trees": [LOOP]}}, "nodes lead nowhere"),
        ({"calibration": {}}, "no calibration map"),
        ({"threshold": "high"}, "no trained judge: ValueError"),
        ({"plan": {"embed": ["answer"]}}, "embed: 'answer'"),
    ],
)
def test_a_damaged_model_is_refused(change, said):
    with pytest.raises(ScorerSetupError, match=said):
        score("trained-judge", "text", value={**BRIEF, **change})


def test_an_unsure_trained_judge_abstains_and_a_written_threshold_decides_all_the_same():
    unsure = {**BRIEF, "error": 0.1, "confidence": 0.9}

    found = score("trained-judge", "These are ten words or about as many as that.", value=unsure)

    assert found.passed is None
    assert "too unsure to be wrong in at most 10%" in found.reason
    assert score("trained-judge", "Yes.", value=unsure, threshold=0.5).passed is True


async def test_pairs_and_single_answers_are_not_trained_together(bench, rated):
    judge = bench.judge(rated, train={})
    lines = (bench.root / "items.jsonl").read_text().splitlines()
    lines[0] = json.dumps({**json.loads(lines[0]), "versus": "Another answer"})
    (bench.root / "items.jsonl").write_text("\n".join(lines))

    with pytest.raises(UsageError, match="1 of 40 labelled outputs have a second answer"):
        await train_judge(judge, gather_labels(judge, root=bench.root), FeatureTools())


async def test_features_of_a_pair_are_a_difference(bench):
    from promptship.domain import JudgedItem

    def item(text, versus):
        made = Output(text=text), Output(text=versus)
        return JudgedItem(case=Case(id="a", inputs={"q": "Where is it?"}), output=made[0], digest="", versus=made[1])

    plan, tools = FeaturePlan(embed=("output", "inputs.q")), FeatureTools(embedder=Letters())
    _, rows = await compute_features([item("It is here.", "No!"), item("No!", "It is here.")], plan, tools)

    assert rows[0] == pytest.approx(-rows[1])
    assert np.abs(rows[0]).sum() > 0


class TestCalibration:
    async def test_calibration_finds_map_and_threshold_and_reports_what_it_had_not_seen(self, bench, rated):
        file = bench.judge(rated)
        judge = OpenJudge(file=file, scorer=RuleJudge(lambda text: 0.95 if "Thank" in text else 0.85))

        found = await calibrate_judge(judge, gather_labels(file, root=bench.root, purpose="calibrate"))

        assert found.agreement.estimate == 1.0
        low, high = found.map.apply([0.85, 0.95])
        assert low < 0.1
        assert high > 0.9
        assert low < found.threshold < high
        assert found.error_after.estimate < found.error_before.estimate

    async def test_a_judge_that_scores_too_few_is_refused(self, bench, rated):
        file = bench.judge(rated)
        judge = OpenJudge(file=file, scorer=RuleJudge(lambda text: None if "number 1" not in text else 0.5))

        with pytest.raises(UsageError, match="the judge scored 11 of 40"):
            await calibrate_judge(judge, gather_labels(file, root=bench.root))

    def test_the_threshold_weighs_both_kinds_of_error_alike(self):
        chances = np.asarray([0.1, 0.2, 0.6, 0.7, 0.8, 0.9])

        assert 0.2 < find_threshold(chances, np.asarray([0, 0, 1, 1, 1, 1.0]), np.ones(6)) < 0.6


class TestComparison:
    async def compare(self, bench, rated, first, second):
        file = bench.judge(rated, threshold=0.5)
        labels = gather_labels(file, root=bench.root)
        quick = CardOptions(probes=False)
        cards = [
            await make_card(OpenJudge(file=file, scorer=RuleJudge(rule)), labels, quick) for rule in (first, second)
        ]
        return compare_cards(*cards)

    async def test_a_better_judge_is_called_better(self, bench, rated):
        found = await self.compare(bench, rated, lambda text: 1.0, lambda text: float("Thank" in text))

        assert found.finding == "better"
        assert (found.only_first, found.only_second) == (0, 20)
        assert found.p_value < 0.001
        assert found.kappa.estimate == 1.0

    async def test_a_judge_does_not_differ_from_itself(self, bench, rated):
        found = await self.compare(bench, rated, lambda text: 1.0, lambda text: 1.0)

        assert found.finding == "no difference shown"
        assert found.agreement.low < 0 < found.agreement.high


def test_one_row_gets_what_it_gets_among_many():
    data = data_of(120)
    model = fit_boosted(data.rows, data.human, data.weights, rounds=20)

    alone = [float(model.margin(data.rows[place : place + 1])[0]) for place in range(20)]

    assert alone == pytest.approx(model.margin(data.rows)[:20].tolist())
