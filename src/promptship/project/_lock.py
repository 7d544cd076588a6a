"""`promptship.lock`: what each label serves, for teams that need no registry; and the folder of what it names.

The lock holds digests, `promptship.lock.d/` the closures and envelopes that have them, so both are committed together
and a label can be resolved, verified and rolled back from a checkout alone. Each prompt has lines of its own: branches
that move labels of different prompts merge without a conflict.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from promptship.domain import Digest, parse_prompt_name
from promptship.errors import Problem, ReferenceNotFoundError, SourceError, StorageError, UsageError, did_you_mean
from promptship.prompts import decode_source, parse_closure, parse_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from promptship.domain import Closure, Reference
    from promptship.prompts import YamlDocument

__all__ = [
    "LOCK_FILE",
    "LOCK_FOLDER",
    "Lock",
    "LockedLabel",
    "load_lock",
    "load_locked_closure",
    "load_object",
    "object_path",
    "parse_lock",
    "save_object",
]

LOCK_FILE = "promptship.lock"
LOCK_FOLDER = "promptship.lock.d"
_FORMAT = 1
_HEAD = "# What each label serves. promptctl writes it; commit it together with promptship.lock.d/.\n"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_UNPRINTABLE = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_KEYS = ("digest", "model", "sequence", "at", "commit", "evidence", "history")
_LARGEST_LOCK = 10_000_000
_LARGEST_OBJECT = 50_000_000
# So far a rollback can go back; git remembers the rest.
_HISTORY = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedLabel:
    """What a label of a prompt serves.

    Attributes:
        prompt: The prompt.
        label: The label.
        digest: Digest of the closure.
        model_name: Name of the model config that it was closed over.
        sequence: 1, 2, 3 … by label; a client refuses a state that is older than the one it has.
        at: When it was moved there, ISO 8601 UTC.
        commit: Commit of the working tree that it was moved in; None outside git.
        evidence: Digests of the envelopes that it was moved on.
        history: Digests that it served before, the last first, for rollbacks.
    """

    prompt: str
    label: str
    digest: Digest
    model_name: str
    sequence: int
    at: str
    commit: str | None = None
    evidence: tuple[str, ...] = ()
    history: tuple[str, ...] = ()

    def without_history(self) -> LockedLabel:
        """Return the state without what was served before."""
        return replace(self, history=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """All labels of a project.

    Attributes:
        labels: By prompt and label.
    """

    labels: dict[tuple[str, str], LockedLabel] = field(default_factory=dict)

    def resolve(self, reference: Reference) -> LockedLabel:
        """Return what `name@label` or `name@sha256:…` means.

        Raises:
            ReferenceNotFoundError: No label of the prompt is called so, or none serves or served that digest.
        """
        of_prompt = [one for one in self.labels.values() if one.prompt == reference.name]
        if reference.kind == "label":
            found = self.labels.get((reference.name, reference.selector))
        else:
            found = next((one for one in of_prompt if one.digest.startswith(reference.selector)), None)
        if found is not None:
            return found
        if not of_prompt:
            meant = did_you_mean(reference.name, sorted({one.prompt for one in self.labels.values()}))
            raise ReferenceNotFoundError(
                f"{LOCK_FILE} has no label of {reference.name!r}{meant}",
                hint=f"promptctl label {reference.name} staging",
            )
        known = ", ".join(sorted(f"{one.label} {one.digest[7:19]}" for one in of_prompt))
        raise ReferenceNotFoundError(f"{LOCK_FILE} has no {str(reference)!r}", hint=f"it has {known}")

    def with_label(self, state: LockedLabel) -> Lock:
        """Return the lock with a label moved."""
        return Lock(labels={**self.labels, (state.prompt, state.label): state})

    def without(self, prompt: str, label: str) -> Lock:
        """Return the lock without a label."""
        return Lock(labels={key: one for key, one in self.labels.items() if key != (prompt, label)})

    def save(self, root: Path) -> None:
        """Write the lock into a project; all of it or nothing.

        Raises:
            StorageError: It cannot be written.
        """
        _replace(root / LOCK_FILE, self.render().encode())

    def render(self) -> str:
        """Return the lock as its file says it: equal labels give equal bytes."""
        lines = [_HEAD, f"lock: {_FORMAT}\n", "labels:\n" if self.labels else "labels: {}\n"]
        before = ""
        for (prompt, label), state in sorted(self.labels.items()):
            if prompt != before:
                lines.append(f"  {_quote(prompt)}:\n")
                before = prompt
            lines.append(f"    {_quote(label)}:\n")
            lines += [f"      {key}: {value}\n" for key, value in _fields(state)]
        return "".join(lines)


def _fields(state: LockedLabel) -> list[tuple[str, str]]:
    said: list[tuple[str, str]] = [
        ("digest", _quote(state.digest)),
        ("model", _quote(state.model_name)),
        ("sequence", str(state.sequence)),
        ("at", _quote(state.at)),
    ]
    said += [("commit", _quote(state.commit))] if state.commit else []
    for key, digests in (("evidence", state.evidence), ("history", state.history)):
        said += [(key, "".join(f"\n        - {_quote(digest)}" for digest in digests))] if digests else []
    return said


def load_lock(root: Path) -> Lock:
    """Read a project's lock; an empty one where there is none.

    Raises:
        SourceError: It is wrong, with all that is wrong in it: merge conflicts, an unknown format, no digests.
        StorageError: It cannot be read.
    """
    data = _read(root / LOCK_FILE, _LARGEST_LOCK)
    return Lock() if data is None else parse_lock(data)


def parse_lock(data: bytes) -> Lock:
    """Read the bytes of a lock.

    Raises:
        SourceError: It is wrong, with all that is wrong in it.
    """
    text = decode_source(data, path=LOCK_FILE)
    _refuse_conflicts(text)
    return _Reader(parse_yaml(text, path=LOCK_FILE)).read()


def load_locked_closure(root: Path, state: LockedLabel) -> Closure:
    """Return what a label serves.

    Raises:
        StorageError: Its closure is missing, or not what its digest says.
    """
    ref = f"{state.prompt}@{state.label}"
    return parse_closure(load_object(root, state.digest), model_name=state.model_name, ref=ref)


def load_object(root: Path, digest: str) -> bytes:
    """Return a closure or an envelope that the lock names.

    Raises:
        StorageError: It is missing, or not what its digest says.
    """
    data = _read(_path_of(root, digest), _LARGEST_OBJECT)
    if data is None:
        hint = f"git checkout -- {LOCK_FOLDER}, or fetch the commit that has it"
        raise StorageError(f"{digest[:19]}… is not in {LOCK_FOLDER}", hint=hint)
    if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
        hint = f"git checkout -- {LOCK_FOLDER}"
        raise StorageError(f"{_path_of(root, digest)} was changed: it is not {digest[:19]}…", hint=hint)
    return data


def save_object(root: Path, data: bytes) -> Digest:
    """Keep a closure or an envelope under its digest.

    Raises:
        StorageError: It cannot be written.
    """
    digest = Digest(f"sha256:{hashlib.sha256(data).hexdigest()}")
    path = _path_of(root, digest)
    if not path.exists():
        _replace(path, data)
    return digest


def object_path(digest: str) -> str:
    """Return where a digest's content is, below the project's root.

    Raises:
        StorageError: It is no digest.
    """
    if not _DIGEST.fullmatch(digest):
        raise StorageError(f"{digest!r} is no digest")
    value = digest.removeprefix("sha256:")
    return f"{LOCK_FOLDER}/{value[:2]}/{value}.json"


def _path_of(root: Path, digest: str) -> Path:
    return root / object_path(digest)


def _read(path: Path, largest: int) -> bytes | None:
    try:
        with path.open("rb") as file:
            data = file.read(largest + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"cannot read {str(path)!r}: {error.strerror}") from None
    if len(data) > largest:
        raise StorageError(f"{str(path)!r} is larger than {largest:,} bytes")
    return data


def _replace(path: Path, data: bytes) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StorageError(f"cannot write {str(path)!r}: {error.strerror}") from None


def _refuse_conflicts(text: str) -> None:
    problems = [
        Problem(
            message="git left a merge conflict here",
            path=LOCK_FILE,
            line=number,
            hint=f"git checkout --ours {LOCK_FILE} (or --theirs), then move the other label again",
        )
        for number, line in enumerate(text.split("\n"), start=1)
        if line.startswith("<<<<<<< ")
    ]
    if problems:
        raise SourceError(problems)


def _quote(text: str) -> str:
    """Write a text as YAML reads it back: a double-quoted scalar."""
    plain = json.dumps(text, ensure_ascii=False)
    # What YAML takes for the end of a line, or does not take at all, and JSON lets stand.
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", plain)


class _Reader:
    """Reads a lock key by key and keeps what is wrong with each."""

    def __init__(self, document: YamlDocument) -> None:
        self._document = document
        self._problems: list[Any] = []

    def read(self) -> Lock:
        value = self._document.value
        if not isinstance(value, dict) or value.get("lock") != _FORMAT:
            found = value.get("lock") if isinstance(value, dict) else value
            hint = "pip install --upgrade promptship"
            self._note(("lock",) if isinstance(value, dict) else (), f"lock: {found!r}; this version reads 1", hint)
            raise SourceError(self._problems)
        labels: dict[tuple[str, str], LockedLabel] = {}
        for prompt, found in self._mapping(("labels",), value.get("labels", {})).items():
            self._check_name(prompt)
            for label, state in self._mapping(("labels", prompt), found).items():
                read = self._state(prompt, label, state)
                if read is not None:
                    labels[prompt, label] = read
        if self._problems:
            raise SourceError(self._problems)
        return Lock(labels=labels)

    def _check_name(self, prompt: str) -> None:
        try:
            parse_prompt_name(prompt)
        except UsageError as error:
            self._note(("labels", prompt), str(error), error.hint)

    def _state(self, prompt: str, label: str, value: Any) -> LockedLabel | None:
        at = ("labels", prompt, label)
        state = self._mapping(at, value)
        before = len(self._problems)
        for key in state:
            if key not in _KEYS:
                self._note((*at, key), f"unknown key {key!r}{did_you_mean(key, _KEYS)}")
        sequence = state.get("sequence")
        if type(sequence) is not int or sequence < 1:
            self._note(at, f"sequence: {sequence!r}; expected a number from 1")
        texts = {key: state.get(key) for key in ("model", "at")}
        for key, text in texts.items():
            if not isinstance(text, str):
                self._note(at, f"{key}: {text!r}; expected text")
        digests = {key: self._digests((*at, key), state.get(key, [])) for key in ("evidence", "history")}
        (digest,) = self._digests((*at, "digest"), [state.get("digest")]) or ("",)
        if len(self._problems) > before:
            return None
        commit = state.get("commit")
        return LockedLabel(
            prompt=prompt,
            label=label,
            digest=Digest(digest),
            model_name=str(texts["model"]),
            sequence=int(sequence or 0),
            at=str(texts["at"]),
            commit=None if commit is None else str(commit),
            evidence=digests["evidence"],
            history=digests["history"][:_HISTORY],
        )

    def _digests(self, at: tuple[str | int, ...], value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in value):
            self._note(at, f"{at[-1]}: {value!r}; expected sha256: and 64 hex digits")
            return ()
        return tuple(value)

    def _mapping(self, at: tuple[str | int, ...], value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._note(at, f"expected a mapping, not {type(value).__name__}")
            return {}
        return value

    def _note(self, keys: tuple[str | int, ...], message: str, hint: str | None = None) -> None:
        self._problems.append(self._document.problem(keys, message, hint=hint))
