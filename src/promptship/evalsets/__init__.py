"""Evalsets: cases with the scorers and gates that apply to them, streamed from YAML, JSONL, CSV and Parquet.

Files are read and checked here, every problem with its place; cases are selected, stored outputs are found. Scorers
are parsed but not built (that is `promptship.scorers`), gates are parsed but not decided, and nothing is executed.
"""

from promptship.evalsets._bridges import bridge_path, load_bridge
from promptship.evalsets._case_set import CaseSet
from promptship.evalsets._evalset import Evalset, discover_evalsets, load_cases, load_evalset
from promptship.evalsets._judge_files import (
    CALIBRATION_ENDING,
    CARD_ENDING,
    JUDGES_FOLDER,
    MODEL_ENDING,
    find_judge_file,
    judge_schema,
    load_card,
    load_cards,
    load_judge_file,
)
from promptship.evalsets._labels import items_schema, labels_schema, load_items, load_labels
from promptship.evalsets._outputs import StoredOutputs, load_outputs
from promptship.evalsets._ratings import Ratings, load_ratings
from promptship.evalsets._schema import case_schema, evalset_schema, outputs_schema
from promptship.evalsets._scorers import parse_scorer
from promptship.evalsets._selection import Selection, select_cases
from promptship.evalsets._shorthand import parse_shorthand

__all__ = [
    "CALIBRATION_ENDING",
    "CARD_ENDING",
    "JUDGES_FOLDER",
    "MODEL_ENDING",
    "CaseSet",
    "Evalset",
    "Ratings",
    "Selection",
    "StoredOutputs",
    "bridge_path",
    "case_schema",
    "discover_evalsets",
    "evalset_schema",
    "find_judge_file",
    "items_schema",
    "judge_schema",
    "labels_schema",
    "load_bridge",
    "load_card",
    "load_cards",
    "load_cases",
    "load_evalset",
    "load_items",
    "load_judge_file",
    "load_labels",
    "load_outputs",
    "load_ratings",
    "outputs_schema",
    "parse_scorer",
    "parse_shorthand",
    "select_cases",
]
