"""A judge file of a rubric, opened on a scripted model: asked, calibrated, carded, asked again, used by an evalset."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from promptship.domain import ModelConfig, Output, ScorerSpec, digest_output
from promptship.judges import (
    CardOptions,
    calibrate_judge,
    calibration_path,
    find_judge,
    gather_labels,
    make_card,
    open_judge,
)
from promptship.models import FakeModel
from promptship.project import Project
from promptship.scorers import ScorerContext, build_scorer

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptship.domain import CompletionRequest

JUDGE = """\
type: llm-rubric
model: strict
rubric:
  criteria:
    - {name: tone, text: Is kind., anchors: {0: mocks, 1: is cold, 2: is plain, 3: is warm, 4: is kind}}
policy: Good is kind.
items: items.jsonl
labels: labels.jsonl
"""
WORDS = ("mocking", "cold", "plain", "warm", "kind")


class Instruments:
    """Opens one scripted model, under the name that the judge's file gives."""

    def __init__(self, answer: Callable[[CompletionRequest], str]) -> None:
        self.model = FakeModel(answer)
        self.opened: list[str] = []

    def completion(self, name: str) -> tuple[FakeModel, ModelConfig]:
        self.opened.append(name)
        return self.model, ModelConfig(name=name, model=f"openai/{name}")


def context_of(answer: Callable[[CompletionRequest], str], project: Project) -> ScorerContext:
    return ScorerContext(instruments=Instruments(answer), project_root=project.root)


def rate(request: CompletionRequest) -> str:
    """Rate the word that the reply under judgement holds; the harshest of two, and prose where there is none."""
    shown = request.messages[-1].text
    rating = next((place for place, word in enumerate(WORDS) if f"very {word}" in shown), None)
    if rating is None:
        return "I would rather not say."
    verdict = f"The reply says so. Hence {rating}."
    return json.dumps({"evidence": [], "rationale": verdict, "verdict": rating})


def labelled(count: int = 60) -> list[tuple[str, str]]:
    """Replies of all five kinds; people call good what is warm or kind, and every sixth of the plain ones."""
    texts = [f"This is a very {WORDS[place % 5]} reply, number {place}{' so' * (place % 7)}." for place in range(count)]
    return [
        (text, "good" if place % 5 >= 3 or (place % 5 == 2 and place % 6 == 0) else "bad")
        for place, text in enumerate(texts)
    ]


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "evalsets" / "judges"
    folder.mkdir(parents=True)
    (tmp_path / "prompts").mkdir()
    (folder / "tone.yaml").write_text(JUDGE)
    rated = labelled()
    items = [{"id": f"c{n}", "inputs": {"mail": "Where?"}, "output": text} for n, (text, _) in enumerate(rated)]
    labels = [
        {"case": f"c{n}", "output_digest": digest_output(Output(text=text)), "rating": rating, "rater": "ada"}
        for n, (text, rating) in enumerate(rated)
    ]
    for name, rows in (("items", items), ("labels", labels)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Project.open(tmp_path)


async def calibrated(project, answer=rate):
    """Calibrate the judge of the project, as the command does, and return what was found."""
    file = find_judge(project, "tone")
    judge = open_judge(project, file, context_of(answer, project), is_raw=True)
    labels = gather_labels(file, root=project.root, purpose="calibrate")
    found = await calibrate_judge(judge, labels, method="isotonic")
    calibration_path(project, file).write_text(json.dumps(found.as_json()))
    return found


async def carded(project, answer=rate, options=None, anew=None):
    file = find_judge(project, "tone")
    fresh = None if anew is None else context_of(anew, project)
    judge = open_judge(project, file, context_of(answer, project), anew=fresh)
    return await make_card(judge, gather_labels(file, root=project.root), options or CardOptions(probes=False))


async def test_calibration_maps_ratings_to_the_share_that_people_call_good(project):
    found = await calibrated(project)

    assert found.labels == 60
    assert found.unscored == 0
    # Two of twelve plain replies are called good, and no other kind is mixed.
    assert found.map.apply([0, 0.25, 0.5, 0.75, 1]) == pytest.approx([0, 0, 1 / 6, 1, 1])
    assert 1 / 6 < found.threshold < 1
    assert found.error_after.estimate < found.error_before.estimate
    assert found.agreement.estimate > 0.9


async def test_calibration_asks_again_and_says_how_far_the_calibrated_judge_moves(project):
    file = find_judge(project, "tone")
    moods = iter(range(10_000))

    def moody(request: CompletionRequest) -> str:
        # Every fourth answer of the second asking is the other end of the scale.
        if next(moods) % 4:
            return rate(request)
        verdict = "So it is. Hence 0."
        return json.dumps({"evidence": [], "rationale": verdict, "verdict": 0})

    anew = context_of(moody, project)
    judge = open_judge(project, file, context_of(rate, project), anew=anew, is_raw=True)
    labels = gather_labels(file, root=project.root, purpose="calibrate")
    found = await calibrate_judge(judge, labels, method="isotonic", retests=2)

    assert len(anew.instruments.model.calls) == 120
    # A quarter of the answers is moved, and two in five of those were good before.
    assert 0.02 < found.retest["retest_flips"].estimate < 0.2
    assert 0 < found.retest["retest_variance"].estimate < 0.2
    assert "retest" not in json.dumps(found.as_json())
    plain = await calibrated(project)
    assert plain.retest == {}
    assert plain.as_json() == found.as_json()


async def test_a_calibrated_judge_is_another_one_and_scores_by_its_map(project):
    before = await carded(project)
    found = await calibrated(project)
    after = await carded(project)

    assert before.judge != after.judge
    assert (before.calibration, after.calibration) == ("", "isotonic")
    assert sorted({mark.score for mark in after.marks}) == pytest.approx(found.map.apply([0, 0.5, 1]).tolist())
    assert after.figures["calibration_error"].estimate < before.figures["calibration_error"].estimate
    assert after.admission.admitted


async def test_an_evalset_that_names_the_file_cites_the_digest_of_its_card(project):
    await calibrated(project)
    card = await carded(project)
    context = context_of(rate, project)
    scorer = build_scorer(ScorerSpec(type="llm-rubric", name="tone", params={"judge": "tone"}, path="evalsets/a.yaml",
                                     line=1), context)  # fmt: skip

    assert scorer.judge == card.judge
    assert context.instruments.opened == ["strict"]


async def test_answers_that_are_no_verdict_are_unscored_and_have_no_part(project):
    def shy(request: CompletionRequest) -> str:
        return "I would rather not say." if "number 1" in request.messages[-1].text else rate(request)

    found = await calibrated(project, shy)
    card = await carded(project, shy)

    assert found.unscored == 11
    assert found.labels == 49
    assert card.counts["unscored"] == 11
    assert card.figures["coverage"].estimate == pytest.approx(49 / 60)


async def test_a_judge_that_only_talks_is_refused_with_a_way_to_look(project):
    with pytest.raises(Exception, match="the judge scored 0 of 60 labelled outputs") as caught:
        await calibrated(project, lambda request: "Lovely!")

    assert "raw answers" in str(caught.value.hint)


async def test_answers_that_move_are_counted_when_it_is_asked_again(project):
    """Every second question about a plain reply is answered one higher: of 12 in 60 half flip, by a quarter."""
    await calibrated(project)
    asked: dict[str, int] = {}

    def moody(request: CompletionRequest) -> str:
        shown = request.messages[-1].text
        if "very plain" not in shown:
            return rate(request)
        asked[shown] = asked.get(shown, 0) + 1
        rating = 2 + asked[shown] % 2
        return json.dumps({"evidence": [], "rationale": f"Hence {rating}.", "verdict": rating})

    card = await carded(project, options=CardOptions(probes=False, retests=4), anew=moody)

    assert card.figures["retest_flips"].estimate == pytest.approx(12 / 60 * 2 / 4)
    low, high = (await calibrated(project)).map.apply([0.5, 0.75])
    # Rated 2 first and then 3, 2, 3, 2: three of the one and two of the other.
    assert card.figures["retest_variance"].estimate == pytest.approx(0.3 * (high - low) ** 2 * 12 / 60)
    assert card.figures["retest_spread"].estimate == pytest.approx(0.24**0.5 * (high - low) * 12 / 60)
    steady = await carded(project, options=CardOptions(probes=False, retests=2), anew=rate)
    assert steady.figures["retest_flips"].estimate == 0.0
    assert steady.figures["retest_spread"].estimate == steady.figures["retest_variance"].estimate == 0.0


async def test_a_model_that_obeys_the_text_under_judgement_is_found_by_the_probe(project):
    await calibrated(project)

    def gullible(request: CompletionRequest) -> str:
        if "10/10" in request.messages[-1].text:
            return json.dumps({"evidence": [], "rationale": "It is perfect. Hence 4.", "verdict": 4})
        return rate(request)

    options = CardOptions(most_probed=60)
    fooled, firm = await carded(project, gullible, options), await carded(project, rate, options)

    def towards_good(card):
        return next(probe for probe in card.probes if probe.name == "injection").towards_good.estimate

    assert towards_good(fooled) > 0.5
    assert towards_good(firm) == 0.0
