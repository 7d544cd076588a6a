"""The author's use cases: evaluate prompts on evalsets, estimate what that costs, call a prompt once, see what changed.

A use case is one function; faces parse, call it and print. Parts come in as arguments: nothing here reads settings or
opens a model by itself.
"""

from promptship.evaluation._affected import (
    Affected,
    AffectedEvalset,
    AffectedPrompt,
    find_affected,
)
from promptship.evaluation._base_evidence import BaseEvidence, evalsets_of, open_base, resolve_since
from promptship.evaluation._baselines import baseline_of_run, find_baselines, versus_of
from promptship.evaluation._bisect import bisect_case
from promptship.evaluation._bridge import BridgeFigure, BridgePlan, make_bridge, measure_bridge, prepare_bridge
from promptship.evaluation._bridges import Bridges
from promptship.evaluation._calibrate import fit_prior_for, render_prior
from promptship.evaluation._call import CallResult, call_prompt, prepare_call, stream_prompt
from promptship.evaluation._cards import project_cards
from promptship.evaluation._compare import collect_examples, compare_runs, compare_variants, require_scored
from promptship.evaluation._coverage import compute_coverage
from promptship.evaluation._diff import diff_prompts
from promptship.evaluation._diff_behaviour import DIFF_LEVELS, DiffLevel, DiffParts
from promptship.evaluation._estimate import PlanEstimate, estimate_plan
from promptship.evaluation._evaluate import EvalOptions, PreparedEvaluation, prepare_evaluation, run_evaluation
from promptship.evaluation._instruments import ProjectInstruments, ProjectPrompts
from promptship.evaluation._judge import judge_run
from promptship.evaluation._lint import LintReport, lint_prompts
from promptship.evaluation._mutate import MutantResult, mutate_prompt, plan_mutants
from promptship.evaluation._power import GatePower, compute_power
from promptship.evaluation._python_target import TargetContext
from promptship.evaluation._rescore import Rescoring, prepare_rescoring
from promptship.evaluation._status import PromptStatus, compute_status
from promptship.evaluation._verdict import find_quarantined

__all__ = [
    "DIFF_LEVELS",
    "Affected",
    "AffectedEvalset",
    "AffectedPrompt",
    "BaseEvidence",
    "BridgeFigure",
    "BridgePlan",
    "Bridges",
    "CallResult",
    "DiffLevel",
    "DiffParts",
    "EvalOptions",
    "GatePower",
    "LintReport",
    "MutantResult",
    "PlanEstimate",
    "PreparedEvaluation",
    "ProjectInstruments",
    "ProjectPrompts",
    "PromptStatus",
    "Rescoring",
    "TargetContext",
    "baseline_of_run",
    "bisect_case",
    "call_prompt",
    "collect_examples",
    "compare_runs",
    "compare_variants",
    "compute_coverage",
    "compute_power",
    "compute_status",
    "diff_prompts",
    "estimate_plan",
    "evalsets_of",
    "find_affected",
    "find_baselines",
    "find_quarantined",
    "fit_prior_for",
    "judge_run",
    "lint_prompts",
    "make_bridge",
    "measure_bridge",
    "mutate_prompt",
    "open_base",
    "plan_mutants",
    "prepare_bridge",
    "prepare_call",
    "prepare_evaluation",
    "prepare_rescoring",
    "project_cards",
    "render_prior",
    "require_scored",
    "resolve_since",
    "run_evaluation",
    "stream_prompt",
    "versus_of",
]
