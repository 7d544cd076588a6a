"""Judges measured against people: labels gathered, a judge run on them, its card, its calibration, its training.

Parts come in as arguments; the judges themselves are scorers (`promptship.scorers`), their files are read by
`promptship.evalsets`, pages are written by `promptship.report`.
"""

from promptship.judges._ask import CalibrationMap, OpenJudge, Ruling, ask_judge, judge_digest
from promptship.judges._card import CardOptions, make_card
from promptship.judges._gather import LabelledItem, LabelSet, gather_labels, require_usable
from promptship.judges._nulls import NULL_JUDGES
from promptship.judges._probes import PROBES, Probe, run_probes

__all__ = [
    "NULL_JUDGES",
    "PROBES",
    "CalibrationMap",
    "CardOptions",
    "LabelSet",
    "LabelledItem",
    "OpenJudge",
    "Probe",
    "Ruling",
    "ask_judge",
    "gather_labels",
    "judge_digest",
    "make_card",
    "require_usable",
    "run_probes",
]
