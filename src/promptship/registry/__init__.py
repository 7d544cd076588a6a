"""The registry: immutable versions, labels that move, and a hash-chained ledger of everything that happened.

What a prompt is and how it is rendered is known to `promptship.prompts`, where rows lie to `promptship.store`. Working
trees, git and runs on the disk are not read here: they come in as values.
"""

from promptship.registry._evidence import (
    STATEMENT_MEDIA_TYPE,
    PromotionRequest,
    TrustedKey,
    read_evidence,
)
from promptship.registry._evidence_desk import EvidenceDesk
from promptship.registry._feed import ClaimedError, Feed
from promptship.registry._history import BisectResult, BlamedLine, LogEntry, bisect_versions
from promptship.registry._labels import LabelMove
from promptship.registry._policy import NO_POLICY, EvidenceRule, LabelRule, ReleasePolicy, parse_release_policy
from promptship.registry._promotion import Approval, Promotion, decide_promotion
from promptship.registry._push import Pushed
from promptship.registry._records import StoredCell
from promptship.registry._registry import Registry
from promptship.registry._releases import Release
from promptship.registry._remote import RemoteRegistry
from promptship.registry._tokens import NewToken, TokenDesk, match_token
from promptship.registry._verify import Flaw, VerifyReport
from promptship.registry._wire import dump_wire, parse_wire, wire_schemas

__all__ = [
    "NO_POLICY",
    "STATEMENT_MEDIA_TYPE",
    "Approval",
    "BisectResult",
    "BlamedLine",
    "ClaimedError",
    "EvidenceDesk",
    "EvidenceRule",
    "Feed",
    "Flaw",
    "LabelMove",
    "LabelRule",
    "LogEntry",
    "NewToken",
    "Promotion",
    "PromotionRequest",
    "Pushed",
    "Registry",
    "Release",
    "ReleasePolicy",
    "RemoteRegistry",
    "StoredCell",
    "TokenDesk",
    "TrustedKey",
    "VerifyReport",
    "bisect_versions",
    "decide_promotion",
    "dump_wire",
    "match_token",
    "parse_release_policy",
    "parse_wire",
    "read_evidence",
    "wire_schemas",
]
