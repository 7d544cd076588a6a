"""`evalsets/judges/NAME.yaml`: a judge, the labels it is measured on, and the files that belong to it."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import orjson
from pydantic import ValidationError

from promptship.domain import JudgeCard, JudgeFile
from promptship.errors import ReferenceNotFoundError, SourceError, did_you_mean
from promptship.evalsets._files import find_file
from promptship.evalsets._places import YamlSpot
from promptship.evalsets._problems import ProblemList
from promptship.evalsets._scorers import SCORERS
from promptship.evalsets._shapes import Anything, Choice, Flaw, Listed, Mapped, Record, Shape, Text, describe
from promptship.prompts import decode_source, parse_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptship.domain import JsonObject
    from promptship.evalsets._places import Keys

__all__ = [
    "CALIBRATION_ENDING",
    "CARD_ENDING",
    "JUDGES_FOLDER",
    "MODEL_ENDING",
    "NUMBERED_KEYS",
    "find_judge_file",
    "judge_schema",
    "load_card",
    "load_cards",
    "load_judge_file",
]

JUDGES_FOLDER: Final = "judges"
CALIBRATION_ENDING: Final = ".calibration.json"
CARD_ENDING: Final = ".card.json"
MODEL_ENDING: Final = ".model.json"
NUMBERED_KEYS: Final = frozenset({"anchors"})
"""What a rubric's levels are written under: their keys are numbers, `{0: worst, 2: best}`."""
_LARGEST_BYTES: Final = 50_000_000
_NAME: Final = re.compile(r"[^\W_][\w.-]*")
_ENDINGS: Final = (".yaml", ".yml")


class _Share:
    """A number from 0 to 1."""

    def accepts(self, value: Any) -> bool:
        """See `Shape.accepts`."""
        return type(value) in {int, float} and 0 <= value <= 1

    def flaws(self, value: Any, keys: Keys) -> Iterator[Flaw]:
        """See `Shape.flaws`."""
        if not self.accepts(value):
            yield Flaw(keys, f"{keys[-1]}: expected a number from 0 to 1, found {describe(value)}")

    def schema(self) -> JsonObject:
        """See `Shape.schema`."""
        return {"type": "number", "minimum": 0, "maximum": 1}


class _Files:
    """A file, or a list of files."""

    _file, _list = Text("a file"), Listed(Text("a file"), least=1)

    def accepts(self, value: Any) -> bool:
        """See `Shape.accepts`."""
        return (self._file if isinstance(value, str) else self._list).accepts(value)

    def flaws(self, value: Any, keys: Keys) -> Iterator[Flaw]:
        """See `Shape.flaws`."""
        yield from (self._file if isinstance(value, str) else self._list).flaws(value, keys)

    def schema(self) -> JsonObject:
        """See `Shape.schema`."""
        return {"anyOf": [self._file.schema(), self._list.schema()]}


_TRAIN: Final = Record(
    "train",
    {
        "embed": Listed(Text("`output`, `expected`, `inputs` or `inputs.NAME`")),
        "embedder": Text(empty=True),
        "scorers": SCORERS,
        "learner": Choice(("best", "logistic", "boosting")),
        "calibrate": Choice(("platt", "isotonic")),
        "error": _Share(),
    },
    example="write {embed: [output, inputs.question], scorers: [...], error: 0.1}",
)
_FIELDS: Final[dict[str, Shape]] = {
    "promptship": Choice((1,)),
    "name": Text("a name of letters, digits, '_', '-' and '.'", pattern=_NAME, longest=100),
    "description": Text(empty=True),
    "type": Text("a scorer type"),
    "model": Text("the name of a model config, or provider/model"),
    "prompt": Text("the name of a prompt"),
    "rubric": Anything(),
    "params": Mapped(Anything()),
    "policy": Text("what raters are told"),
    "items": _Files(),
    "labels": _Files(),
    "threshold": _Share(),
    "calibration": Text("a file that `promptctl judge calibrate` writes"),
    "admit_kappa": _Share(),
    "train": _TRAIN,
}
_ELSEWHERE: Final = {
    "value": "what the judge is asked is its `rubric`",
    "criteria": "what the judge is asked is its `rubric`",
    "guideline": "what raters are told is the `policy`",
    "cases": "labelled outputs stand in `items`",
    "outputs": "labelled outputs stand in `items`",
    "judge": "a judge names the `model` that it asks",
}
_JUDGE: Final = Record(
    "a judge",
    _FIELDS,
    required=frozenset({"policy", "items", "labels"}),
    elsewhere=_ELSEWHERE,
    example="write {type: llm-rubric, rubric: ..., policy: ..., items: FILE.jsonl, labels: FILE.jsonl}",
)
_CALIBRATION: Final = Record(
    "a calibration",
    {"calibration": Choice((1,)), "map": Mapped(Anything()), "threshold": _Share()},
    required=frozenset({"calibration", "map", "threshold"}),
    open=True,
)


def load_judge_file(path: Path, *, root: Path) -> JudgeFile:
    """Load a judge's file, and its calibration where there is one.

    Args:
        path: The YAML file. Files that it names count from its folder; its calibration, by default
            `NAME.calibration.json` beside it, is read where it exists.
        root: The project; nothing outside of it is read.

    Raises:
        SourceError: The file is wrong, or its calibration is; with everything that is wrong.
    """
    file = find_file(path, root)
    document = parse_yaml(
        decode_source(file.read(_LARGEST_BYTES), path=file.shown), path=file.shown, numbered=NUMBERED_KEYS
    )
    problems = ProblemList()
    problems.extend(flaw.at(YamlSpot(document)) for flaw in _JUDGE.flaws(document.value, ()))
    problems.raise_any()
    value: Any = document.value
    name = value.get("name") or PurePosixPath(file.shown).stem
    calibration = _load_calibration(path, value.get("calibration"), name, root)
    threshold, train = value.get("threshold"), value.get("train")
    return JudgeFile(
        name=name,
        path=file.shown,
        type=value.get("type") or ("llm-rubric" if train is None else "trained-judge"),
        model=value.get("model") or ("default" if train is None else ""),
        prompt=value.get("prompt") or "",
        rubric=value.get("rubric"),
        params=value.get("params") or {},
        policy=value["policy"].strip(),
        items=_beside(path, value["items"]),
        labels=_beside(path, value["labels"]),
        threshold=calibration.get("threshold") if threshold is None else threshold,
        calibration=calibration.get("map"),
        admit_kappa=0.6 if value.get("admit_kappa") is None else value["admit_kappa"],
        description=value.get("description") or "",
        train=train,
    )


def find_judge_file(name: str, *, folder: Path, root: Path) -> Path:
    """Return the file of a judge.

    Args:
        name: Its name, or the path of its file.
        folder: The project's folder of evalsets.
        root: The project.

    Raises:
        ReferenceNotFoundError: There is none; the hint names those that are.
    """
    judges = folder / JUDGES_FOLDER
    candidates = [judges / f"{name}{ending}" for ending in _ENDINGS]
    if name.endswith(_ENDINGS):
        candidates += [root / name, Path(name)]
    for path in candidates:
        if path.is_file():
            return path
    known = sorted(path.stem for ending in _ENDINGS for path in judges.glob(f"*{ending}"))
    shown = f"{folder.name}/{JUDGES_FOLDER}/"
    hint = f"judges of this project: {', '.join(known)}" if known else f"write {shown}{name}.yaml"
    raise ReferenceNotFoundError(f"there is no judge {name!r} in {shown}{did_you_mean(name, known)}", hint=hint)


def load_card(path: Path, *, root: Path) -> JudgeCard:
    """Load the card that `promptctl judge card` wrote.

    Raises:
        SourceError: There is none, or it is no card.
    """
    file = find_file(path, root)
    try:
        return JudgeCard.model_validate_json(file.read(_LARGEST_BYTES))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise SourceError.at(
            file.shown,
            None,
            None,
            f"this is no judge card: {place}: {first['msg']}",
            hint="write it anew with `promptctl judge card NAME`",
        ) from None


def load_cards(folder: Path, *, root: Path) -> dict[str, JudgeCard]:
    """Load the cards of all judges beside the evalsets of a folder.

    Args:
        folder: The evalsets' folder.
        root: The project; nothing outside of it is read.

    Returns:
        By the digest of the judge that a card is of.

    Raises:
        SourceError: A card cannot be read.
    """
    found = (load_card(path, root=root) for path in sorted((folder / JUDGES_FOLDER).glob(f"*{CARD_ENDING}")))
    return {card.judge: card for card in found}


def judge_schema() -> JsonObject:
    """Return the JSON Schema of a judge's file."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_JUDGE.schema()}


def _beside(path: Path, files: str | list[str]) -> tuple[str, ...]:
    return tuple(str(path.parent / file) for file in ([files] if isinstance(files, str) else files))


def _load_calibration(path: Path, named: str | None, name: str, root: Path) -> dict[str, Any]:
    """Return what `calibrate` wrote; {} where the file does not name one and none lies beside it."""
    where = path.parent / (named or f"{name}{CALIBRATION_ENDING}")
    if named is None and not where.is_file():
        return {}
    file = find_file(where, root)
    hint = "write it anew with `promptctl judge calibrate NAME`"
    try:
        value = orjson.loads(file.read(_LARGEST_BYTES))
    except orjson.JSONDecodeError as error:
        raise SourceError.at(file.shown, error.lineno, error.colno, f"not valid JSON: {error.msg}", hint=hint) from None
    if not _CALIBRATION.accepts(value):
        raise SourceError.at(file.shown, None, None, "this is no calibration of a judge", hint=hint)
    found: dict[str, Any] = value
    return found
