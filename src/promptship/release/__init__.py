"""From a run on the disk to signed evidence, and what a label asks of it.

What a registry does with evidence is known to `promptship.registry`; whether a run is whole enough to be evidence is
decided here.
"""

from promptship.release._anchor import Anchor, check_anchors, load_anchors, save_anchor, send_anchor
from promptship.release._attest import evidence_of_run, find_gaps, find_runs_for, sign_evidence
from promptship.release._audit import write_audit
from promptship.release._bundling import lock_of_registry, save_bundle
from promptship.release._lock_desk import LockDesk, LockMove
from promptship.release._status import LabelStatus, find_label_states, find_locked_states
from promptship.release._sync import SyncConflict, SyncPlan, SyncStep, apply_sync, find_ahead, plan_sync

__all__ = [
    "Anchor",
    "LabelStatus",
    "LockDesk",
    "LockMove",
    "SyncConflict",
    "SyncPlan",
    "SyncStep",
    "apply_sync",
    "check_anchors",
    "evidence_of_run",
    "find_ahead",
    "find_gaps",
    "find_label_states",
    "find_locked_states",
    "find_runs_for",
    "load_anchors",
    "lock_of_registry",
    "plan_sync",
    "save_anchor",
    "save_bundle",
    "send_anchor",
    "sign_evidence",
    "write_audit",
]
