"""The judges of this repository are what their cards say they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptship.domain import digest_of
from promptship.judges import find_card, find_judge, gather_labels, model_path
from promptship.project import Project
from promptship.scorers import load_trained_model, trained_digest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def project():
    return Project.open(ROOT)


def test_labels_say_who_labelled_and_by_which_policy(project):
    judge = find_judge(project, "reply-words")
    labels = gather_labels(judge, root=project.root, purpose="train")

    assert labels.raters == ("project authors",)
    assert len(labels.items) >= 60
    assert {one.item.case.tags["language"] for one in labels.items} == {"en", "de", "es"}


def test_the_card_of_the_trained_judge_is_of_the_model_that_is_kept(project):
    judge = find_judge(project, "reply-words")
    path = model_path(project, judge)
    model = load_trained_model(path, shown=path.name)

    assert find_card(project, "reply-words").judge == trained_digest(model)
    assert model.policy_digest == digest_of(judge.policy)
    assert model.labels_digest == gather_labels(judge, root=project.root).digest
