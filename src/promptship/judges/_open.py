"""From a judge's name to one that can be asked, and the files that belong to it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from promptship.domain import ScorerSpec, digest_of
from promptship.errors import ReferenceNotFoundError, ScorerSetupError
from promptship.evalsets import (
    CALIBRATION_ENDING,
    CARD_ENDING,
    MODEL_ENDING,
    find_judge_file,
    load_card,
    load_judge_file,
)
from promptship.judges._ask import OpenJudge, Ruling, judge_digest
from promptship.scorers import build_scorer, list_scorers, load_trained_model, trained_digest
from promptship.stats import Calibration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptship.domain import JudgeCard, JudgeFile
    from promptship.project import Project
    from promptship.scorers import ScorerContext, TrainedModel

__all__ = ["calibration_path", "card_path", "find_card", "find_judge", "model_path", "open_judge"]

TRAINED = "trained-judge"


def find_judge(project: Project, name: str) -> JudgeFile:
    """Load a judge of a project.

    Raises:
        ReferenceNotFoundError: There is none of that name.
        SourceError: Its file is wrong.
    """
    return load_judge_file(find_judge_file(name, folder=project.evalsets_dir, root=project.root), root=project.root)


def find_card(project: Project, name: str) -> JudgeCard:
    """Load the card of a judge.

    Raises:
        ReferenceNotFoundError: There is no such judge, or it has no card yet.
        SourceError: The card cannot be read.
    """
    path = card_path(project, find_judge(project, name))
    if not path.is_file():
        raise ReferenceNotFoundError(f"the judge {name!r} has no card yet", hint=f"promptctl judge card {name}")
    return load_card(path, root=project.root)


def card_path(project: Project, judge: JudgeFile) -> Path:
    """Return where a judge's card lies."""
    return _beside(project, judge, CARD_ENDING)


def calibration_path(project: Project, judge: JudgeFile) -> Path:
    """Return where a judge's calibration lies."""
    return _beside(project, judge, CALIBRATION_ENDING)


def model_path(project: Project, judge: JudgeFile) -> Path:
    """Return where what a trained judge learnt lies."""
    return _beside(project, judge, MODEL_ENDING)


def _beside(project: Project, judge: JudgeFile, ending: str) -> Path:
    return project.root / Path(judge.path).parent / f"{judge.name}{ending}"


def open_judge(
    project: Project,
    judge: JudgeFile,
    context: ScorerContext,
    *,
    anew: ScorerContext | None = None,
    is_raw: bool = False,
) -> OpenJudge:
    """Build the scorer that a judge's file describes.

    A judge that asks a model is opened by its file's name, as an evalset opens it: its scores then cite the digest that
    an evaluation's do.

    Args:
        project: Where its files are.
        judge: What its file says.
        context: What the scorer may open.
        anew: Likewise, without any cache; None where the judge is not asked twice.
        is_raw: Leave calibration and threshold out, to find them.

    Raises:
        ScorerSetupError: The scorer cannot be built; the message names the file.
        SourceError: It was not trained yet, or what it learnt cannot be read.
    """
    if judge.type == TRAINED:
        path = model_path(project, judge)
        model = load_trained_model(path, shown=str(path.relative_to(project.root)))
        return _open_trained(judge, model, context)
    takes = next((info.params for info in list_scorers() if info.type == judge.type.removeprefix("not-")), {})
    asks = "judge" in takes
    spec = _spec_of_file(judge) if asks and not is_raw else _spec_of(judge, takes)
    calibration = None if asks or is_raw or judge.calibration is None else Calibration.from_json(judge.calibration)
    return OpenJudge(
        file=judge,
        scorer=build_scorer(spec, context),
        digest=judge_digest(judge),
        anew=build_scorer(spec, anew) if anew is not None else None,
        calibration=calibration,
        abstains=asks or is_raw,
    )


def _open_trained(judge: JudgeFile, model: TrainedModel, context: ScorerContext) -> OpenJudge:
    if model.policy_digest != digest_of(judge.policy):
        raise ScorerSetupError(
            f"{judge.path}: the judge was trained on labels of another policy than the one stated",
            hint=f"label by the new policy and train anew: promptctl judge train {judge.name}",
        )
    spec = ScorerSpec(type=TRAINED, name=judge.name, value=model.as_json(), has_value=True, path=judge.path, line=1)
    return OpenJudge(
        file=judge,
        scorer=build_scorer(spec, context),
        digest=trained_digest(model),
        abstains=True,
        held_out={key: Ruling(raw=one.chance, score=one.chance, good=one.good) for key, one in model.held_out.items()},
    )


def _spec_of_file(judge: JudgeFile) -> ScorerSpec:
    """Return the scorer that an evalset writes to use this judge."""
    path = PurePosixPath(judge.path)
    # Of an evalset beside the folder of judges: within that folder a name is that of a model.
    return ScorerSpec(
        type=judge.type,
        name=judge.name,
        params={"judge": path.stem},
        path=str(path.parent.parent / "judges.yaml"),
        line=1,
    )


def _spec_of(judge: JudgeFile, takes: Mapping[str, str]) -> ScorerSpec:
    """Return the scorer of a judge written out: its rubric as value, what else it takes as keys."""
    given = {"judge": judge.model, "prompt": judge.prompt, "policy": judge.policy}
    params = {**{key: value for key, value in given.items() if key in takes and value}, **judge.params}
    return ScorerSpec(
        type=judge.type,
        name=judge.name,
        value=judge.rubric,
        has_value=judge.rubric is not None,
        params=params,
        path=judge.path,
        line=1,
    )
