"""Judges measured against people: labels gathered, a judge run on them, its card, its calibration, its training.

Parts come in as arguments; the judges themselves are scorers (`promptship.scorers`), their files are read by
`promptship.evalsets`, pages are written by `promptship.report`.
"""

from promptship.judges._ask import OpenJudge, Ruling, ask_judge, judge_digest
from promptship.judges._budget import LabellingBudget, NextLabel, Stratum, plan_labels
from promptship.judges._calibrate import JudgeCalibration, MapName, calibrate_judge
from promptship.judges._card import CardOptions, make_card
from promptship.judges._cascade import CascadePoint, CascadeStage, cascade_frontier, run_cascade, stages_of
from promptship.judges._compare import JudgeComparison, compare_cards
from promptship.judges._folds import folds_of
from promptship.judges._gather import LabelledItem, LabelSet, Purpose, gather_labels, require_usable
from promptship.judges._import import ImportedLabels, ImportOptions, MatchedLabels, import_ratings, match_labels
from promptship.judges._label_store import LabelChanges, LabelFiles, LabelStore, label_files, label_row
from promptship.judges._nulls import NULL_JUDGES
from promptship.judges._open import calibration_path, card_path, find_card, find_judge, model_path, open_judge
from promptship.judges._panel import PanelFigures, PanelRule, measure_panel, panel_figures
from promptship.judges._panel_votes import PanelMember, PanelVotes
from promptship.judges._probes import PROBES, Probe, run_probes
from promptship.judges._queue import LabelQueue, QueuedOutput, load_plan, queue_plan, queue_run
from promptship.judges._run_outputs import RunOutput, item_row, outputs_of
from promptship.judges._train import Training, TrainingData, TrainingPlan, plan_of, train_judge, train_on
from promptship.judges._votes import OrderFigures, VoteFigures, measure_votes

__all__ = [
    "NULL_JUDGES",
    "PROBES",
    "CardOptions",
    "CascadePoint",
    "CascadeStage",
    "ImportOptions",
    "ImportedLabels",
    "JudgeCalibration",
    "JudgeComparison",
    "LabelChanges",
    "LabelFiles",
    "LabelQueue",
    "LabelSet",
    "LabelStore",
    "LabelledItem",
    "LabellingBudget",
    "MapName",
    "MatchedLabels",
    "NextLabel",
    "OpenJudge",
    "OrderFigures",
    "PanelFigures",
    "PanelMember",
    "PanelRule",
    "PanelVotes",
    "Probe",
    "Purpose",
    "QueuedOutput",
    "Ruling",
    "RunOutput",
    "Stratum",
    "Training",
    "TrainingData",
    "TrainingPlan",
    "VoteFigures",
    "ask_judge",
    "calibrate_judge",
    "calibration_path",
    "card_path",
    "cascade_frontier",
    "compare_cards",
    "find_card",
    "find_judge",
    "folds_of",
    "gather_labels",
    "import_ratings",
    "item_row",
    "judge_digest",
    "label_files",
    "label_row",
    "load_plan",
    "make_card",
    "match_labels",
    "measure_panel",
    "measure_votes",
    "model_path",
    "open_judge",
    "outputs_of",
    "panel_figures",
    "plan_labels",
    "plan_of",
    "queue_plan",
    "queue_run",
    "require_usable",
    "run_cascade",
    "run_probes",
    "stages_of",
    "train_judge",
    "train_on",
]
