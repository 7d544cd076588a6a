"""The words of Promptship as frozen types, canonical JSON and digests, and the Protocols through which floors meet.

Nothing here reads a file, a clock, the environment or the network. Types at the borders are pydantic models; types of
which a run makes many are plain dataclasses.
"""

from promptship.domain.canonical import Digest, canonical_json, digest_of, short_digest
from promptship.domain.cases import Case, Turn
from promptship.domain.comparisons import (
    CaseChange,
    ChangeKind,
    ComparedSide,
    Comparison,
    MetricChange,
    SliceChange,
    Stability,
)
from promptship.domain.completions import (
    CompletionModel,
    CompletionRequest,
    FinishReason,
    Provenance,
    Response,
    TokenLogprob,
    Usage,
)
from promptship.domain.coverage import Branch, InputDomain, PromptCoverage
from promptship.domain.diffs import (
    BehaviourDiff,
    ContractChange,
    DiffLine,
    EvidenceChange,
    FieldChange,
    PromptDiff,
    RenderedGroup,
    SemverLevel,
    TextDiff,
    TokenChange,
)
from promptship.domain.evalsets import EvalsetKind, EvalsetSpec, QuarantinedCase, ScorerSpec, TargetSpec
from promptship.domain.gates import Finding, GateSpec, GateVerdict, OnInconclusive, Outcome, Verdict, parse_gate
from promptship.domain.json_types import JsonObject, JsonValue
from promptship.domain.messages import ROLES, Content, Message, Role, ToolCall
from promptship.domain.model_configs import Limits, ModelConfig, Price
from promptship.domain.names import CaseId, PromptName, Reference, RunId, parse_prompt_name, parse_reference
from promptship.domain.outputs import Output, Step, Target, VersionUsed
from promptship.domain.prompts import CLOSURE_FORMAT, Closure, OutputContract, PromptVersion, RenderedPrompt, Trust
from promptship.domain.runs import (
    CaseOutcome,
    CellError,
    CellKey,
    CellRecord,
    GroupSummary,
    MetricSummary,
    RunManifest,
    RunSummary,
    Totals,
    Variant,
    decide_outcome,
)
from promptship.domain.scores import Score, ScoreInput, Scorer

__all__ = [
    "CLOSURE_FORMAT",
    "ROLES",
    "BehaviourDiff",
    "Branch",
    "Case",
    "CaseChange",
    "CaseId",
    "CaseOutcome",
    "CellError",
    "CellKey",
    "CellRecord",
    "ChangeKind",
    "Closure",
    "ComparedSide",
    "Comparison",
    "CompletionModel",
    "CompletionRequest",
    "Content",
    "ContractChange",
    "DiffLine",
    "Digest",
    "EvalsetKind",
    "EvalsetSpec",
    "EvidenceChange",
    "FieldChange",
    "Finding",
    "FinishReason",
    "GateSpec",
    "GateVerdict",
    "GroupSummary",
    "InputDomain",
    "JsonObject",
    "JsonValue",
    "Limits",
    "Message",
    "MetricChange",
    "MetricSummary",
    "ModelConfig",
    "OnInconclusive",
    "Outcome",
    "Output",
    "OutputContract",
    "Price",
    "PromptCoverage",
    "PromptDiff",
    "PromptName",
    "PromptVersion",
    "Provenance",
    "QuarantinedCase",
    "Reference",
    "RenderedGroup",
    "RenderedPrompt",
    "Response",
    "Role",
    "RunId",
    "RunManifest",
    "RunSummary",
    "Score",
    "ScoreInput",
    "Scorer",
    "ScorerSpec",
    "SemverLevel",
    "SliceChange",
    "Stability",
    "Step",
    "Target",
    "TargetSpec",
    "TextDiff",
    "TokenChange",
    "TokenLogprob",
    "ToolCall",
    "Totals",
    "Trust",
    "Turn",
    "Usage",
    "Variant",
    "Verdict",
    "VersionUsed",
    "canonical_json",
    "decide_outcome",
    "digest_of",
    "parse_gate",
    "parse_prompt_name",
    "parse_reference",
    "short_digest",
]
