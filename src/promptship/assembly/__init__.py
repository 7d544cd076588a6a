"""The one place that builds the parts from settings and hands them to the use cases."""

from promptship.assembly._changes import diff_all, mutate_all
from promptship.assembly._credentials import Credentials, find_token
from promptship.assembly._evaluations import (
    EvaluateOptions,
    Evaluation,
    aevaluate,
    ascore_with_models,
    estimate_all,
    evaluate,
    evaluate_all,
)
from promptship.assembly._registry import (
    POLICY_FILE,
    load_release_policy,
    local_actor,
    open_place,
    open_registry,
    registry_address,
    signing_key_path,
    store_run,
)
from promptship.assembly._workspace import ModelOptions, Workspace

__all__ = [
    "POLICY_FILE",
    "Credentials",
    "EvaluateOptions",
    "Evaluation",
    "ModelOptions",
    "Workspace",
    "aevaluate",
    "ascore_with_models",
    "diff_all",
    "estimate_all",
    "evaluate",
    "evaluate_all",
    "find_token",
    "load_release_policy",
    "local_actor",
    "mutate_all",
    "open_place",
    "open_registry",
    "registry_address",
    "signing_key_path",
    "store_run",
]
