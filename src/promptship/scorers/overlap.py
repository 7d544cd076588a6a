"""Scorers that measure how much of a reference's words, n-grams or characters an answer shares.

Libraries disagree about every one of these figures; each score names the definition that was computed.
"""

from __future__ import annotations

import math
import re
import string
from collections import Counter, defaultdict
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from promptship.domain import Score
from promptship.errors import MissingExtraError, ScorerSetupError, did_you_mean
from promptship.scorers._criterion import (
    Comparison,
    ScorerExample,
    ScorerFactory,
    ScorerInfo,
    ThresholdInfo,
    UnjudgedError,
    fail,
    text_of,
)
from promptship.scorers.text import read_references

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from promptship.domain import JsonValue, Output, ScorerSpec
    from promptship.scorers._criterion import Criterion, ScorerContext

__all__ = ["SCORERS", "score_meteor", "score_token_f1"]

_LONGEST = 100_000
"""Characters up to which a metric takes less than a second."""
_LONGEST_STEM = 64
_WORD = re.compile(r"[^\W_]+")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_TOKENIZERS = ("13a", "intl", "zh", "char", "none")
_ROUGE_MEASURES = ("fmeasure", "recall", "precision")
_LARGEST_N = 9


def _overlap(
    spec: ScorerSpec,
    measure: Callable[[str, tuple[str, ...]], float],
    *,
    definition: str,
    default: float,
    blank: bool = False,
) -> Criterion:
    threshold = default if spec.threshold is None else spec.threshold

    def prepare(value: JsonValue, references: tuple[str, ...]) -> tuple[str, ...]:
        found = read_references(value, references)
        if not blank and not all(map(str.strip, found)):
            raise ScorerSetupError(f"{spec.type} cannot compare with an empty text")
        return found

    def compare(output: Output, references: tuple[str, ...]) -> Score:
        text = text_of(output)
        # Scored as a failure and not left out: a model that never stops must not leave the pass rate.
        if len(text) > _LONGEST:
            raise UnjudgedError(f"the output has {len(text)} characters; {definition} is computed for up to {_LONGEST}")
        # sacrebleu's 100 % is 100.00000000000004.
        value = min(1.0, max(0.0, measure(text, references)))
        if value >= threshold:
            return Score(value=value, passed=True, definition=definition)
        return fail(f"{value:.3g} is less than {threshold:g}", value=value, definition=definition)

    def claim(references: tuple[str, ...]) -> str:
        del references
        return f"reach {threshold:g}"

    return Comparison(spec, prepare=prepare, compare=compare, claim=claim)


def _build_rouge(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context
    try:
        from rouge_score import rouge_scorer
    except ImportError:
        raise MissingExtraError("rouge-score", extra="eval", needed_for="the scorer rouge-n") from None
    n = _whole_number(spec, "n", default=1, low=1, high=_LARGEST_N)
    kind = _one_of(spec, "measure", _ROUGE_MEASURES)
    stemmed = _flag(spec, "stemmer")
    metric = f"rouge{n}"
    scorer: Any = rouge_scorer.RougeScorer([metric], tokenizer=_Tokenizer(stemmed=stemmed))

    def measure(text: str, references: tuple[str, ...]) -> float:
        return max(float(getattr(scorer.score(reference, text)[metric], kind)) for reference in references)

    definition = f"rouge-{n}-{kind}[rouge-score{'-stemmed' if stemmed else ''}]"
    return _overlap(spec, measure, definition=definition, default=0.75)


class _Tokenizer:
    """Words of every script in lower case; on ASCII text the same as rouge-score's own."""

    def __init__(self, *, stemmed: bool) -> None:
        self._stem = _load_stemmer() if stemmed else None

    def tokenize(self, text: str) -> list[str]:
        words = _WORD.findall(text.lower())
        # rouge-score stems words of more than three letters.
        return words if self._stem is None else [self._stem(word) if len(word) > 3 else word for word in words]  # noqa: PLR2004


def _build_bleu(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context
    sacrebleu = _import_sacrebleu("bleu")
    tokenize = _one_of(spec, "tokenize", _TOKENIZERS)
    lowercase = _flag(spec, "lowercase")
    # Effective order: else every answer of fewer than four words scores zero.
    metric: Any = sacrebleu.BLEU(tokenize=tokenize, lowercase=lowercase, effective_order=True)

    def measure(text: str, references: tuple[str, ...]) -> float:
        return float(metric.sentence_score(text, list(references)).score) / 100.0

    definition = f"bleu[sacrebleu-{tokenize}{'-lc' if lowercase else ''}]"
    return _overlap(spec, measure, definition=definition, default=0.5)


def _build_chrf(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context
    sacrebleu = _import_sacrebleu("chrf")
    order = _whole_number(spec, "word_order", default=0, low=0, high=2)
    metric: Any = sacrebleu.CHRF(word_order=order)

    def measure(text: str, references: tuple[str, ...]) -> float:
        return float(metric.sentence_score(text, list(references)).score) / 100.0

    return _overlap(spec, measure, definition=f"chrf[sacrebleu-chrF2{'+' * order}]", default=0.5)


# Tokenizers of sacrebleu that download a model are left out on purpose.
def _import_sacrebleu(needed_for: str) -> Any:
    try:
        import sacrebleu
    except ImportError:
        raise MissingExtraError("sacrebleu", extra="eval", needed_for=f"the scorer {needed_for}") from None
    return sacrebleu


def _build_gleu(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context
    try:
        from nltk.translate.gleu_score import sentence_gleu
    except ImportError:
        raise MissingExtraError("nltk", extra="eval", needed_for="the scorer gleu") from None

    def measure(text: str, references: tuple[str, ...]) -> float:
        tokens = _plain_tokens(text)
        return float(sentence_gleu([_plain_tokens(reference) for reference in references], tokens)) if tokens else 0.0

    return _overlap(spec, measure, definition="gleu[nltk-1to4-lc-whitespace]", default=0.5)


def _plain_tokens(text: str) -> list[str]:
    """Split at white space, in lower case, without final full stops."""
    return [token for token in (word.rstrip(".") for word in text.lower().split()) if token]


def _build_meteor(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context
    stem = _load_stemmer()
    alpha = _number(spec, "alpha", default=0.9, high=1.0)
    beta = _number(spec, "beta", default=3.0, high=math.inf)
    gamma = _number(spec, "gamma", default=0.5, high=1.0)

    def measure(text: str, references: tuple[str, ...]) -> float:
        words = _plain_tokens(text)
        return max(
            score_meteor(words, _plain_tokens(reference), stem, alpha=alpha, beta=beta, gamma=gamma)
            for reference in references
        )

    return _overlap(spec, measure, definition="meteor[exact+porter]", default=0.5)


def score_meteor(
    words: Sequence[str],
    reference: Sequence[str],
    stem: Callable[[str], str],
    *,
    alpha: float = 0.9,
    beta: float = 3.0,
    gamma: float = 0.5,
) -> float:
    """Compute METEOR with exact and stemmed matches, without synonyms.

    Args:
        words: Words of the answer, in lower case.
        reference: Words of the reference, in lower case.
        stem: Maps a word to its stem.
        alpha: Weight of precision in the harmonic mean, 0 to 1.
        beta: Exponent of the fragmentation penalty, 0 or more.
        gamma: Largest fragmentation penalty, 0 to 1.

    Returns:
        0 to 1; 0 where nothing matches.

    Source:
        Lavie and Agarwal (2007), METEOR: An Automatic Metric for MT Evaluation with High Levels of Correlation with
        Human Judgments. Words are matched greedily from the end, as `nltk.translate.meteor_score` does.

    Example:
        >>> round(score_meteor("the cat sat".split(), "the cat sat".split(), str), 4)
        0.9815
    """
    matches, left, right = _match(list(enumerate(words)), list(enumerate(reference)))
    stemmed, _, _ = _match([(at, stem(word)) for at, word in left], [(at, stem(word)) for at, word in right])
    matches = sorted(matches + stemmed)
    if not matches:
        return 0.0
    precision, recall = len(matches) / len(words), len(matches) / len(reference)
    mean = precision * recall / (alpha * precision + (1.0 - alpha) * recall)
    chunks = 1 + sum(after != (before[0] + 1, before[1] + 1) for before, after in pairwise(matches))
    return float((1.0 - gamma * (chunks / len(matches)) ** beta) * mean)


_Places = list[tuple[int, str]]


def _match(left: _Places, right: _Places) -> tuple[list[tuple[int, int]], _Places, _Places]:
    """Pair equal words, the last with the last; return the pairs and what is left on both sides."""
    free: defaultdict[str, list[int]] = defaultdict(list)
    for at, word in right:
        free[word].append(at)
    pairs: list[tuple[int, int]] = []
    unmatched: _Places = []
    for at, word in reversed(left):
        if free.get(word):
            pairs.append((at, free[word].pop()))
        else:
            unmatched.append((at, word))
    taken = {at for _, at in pairs}
    return pairs, unmatched[::-1], [(at, word) for at, word in right if at not in taken]


def _load_stemmer() -> Callable[[str], str]:
    try:
        from nltk.stem.porter import PorterStemmer
    except ImportError:
        raise MissingExtraError("nltk", extra="eval", needed_for="stemming words") from None
    stemmer: Any = PorterStemmer()

    @lru_cache(maxsize=65_536)
    def stem(word: str) -> str:
        # The stemmer recurses over runs of y, and no word of a language is this long.
        return word if len(word) > _LONGEST_STEM else str(stemmer.stem(word))

    return stem


def _build_f1(spec: ScorerSpec, context: ScorerContext) -> Criterion:
    del context

    def measure(text: str, references: tuple[str, ...]) -> float:
        return max(score_token_f1(text, reference) for reference in references)

    return _overlap(spec, measure, definition="f1[squad-2.0]", default=0.5, blank=True)


def score_token_f1(text: str, reference: str) -> float:
    """Compute the F1 of the words that answer and reference share, each as often as both have it.

    Words are in lower case, without ASCII punctuation and without the English articles.

    Returns:
        0 to 1; where one of them has no words, 1 if neither has and else 0.

    Source:
        Rajpurkar et al. (2018), Know What You Don't Know; the evaluation script of SQuAD 2.0.

    Example:
        >>> score_token_f1("The cat sat down.", "a cat sat")
        0.8
    """
    words, expected = _squad_tokens(text), _squad_tokens(reference)
    if not words or not expected:
        return float(words == expected)
    shared = sum((Counter(words) & Counter(expected)).values())
    return 2.0 * shared / (len(words) + len(expected))


def _squad_tokens(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split()


def _one_of(spec: ScorerSpec, key: str, known: tuple[str, ...]) -> str:
    found = spec.params.get(key, known[0])
    if not isinstance(found, str) or found not in known:
        near = did_you_mean(str(found), known)
        raise ScorerSetupError(f"{key} is {found!r}; expected one of {', '.join(known)}{near}")
    return found


def _flag(spec: ScorerSpec, key: str) -> bool:
    found = spec.params.get(key, False)
    if not isinstance(found, bool):
        raise ScorerSetupError(f"{key} is {found!r}; expected true or false")
    return found


def _number(spec: ScorerSpec, key: str, *, default: float, high: float) -> float:
    found = spec.params.get(key, default)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= high:
        span = f"0 to {high:g}" if math.isfinite(high) else "0 or more"
        raise ScorerSetupError(f"{key} is {found!r}; expected a number, {span}")
    return float(found)


def _whole_number(spec: ScorerSpec, key: str, *, default: int, low: int, high: int) -> int:
    found = _number(spec, key, default=default, high=high)
    if found < low or found != int(found):
        raise ScorerSetupError(f"{key} is {found:g}; expected a whole number, {low} to {high}")
    return int(found)


_VALUE = "text, or a list of texts of which the best counts"
_CAT = "the cat sat on the mat"


def _info(name: str, summary: str, fails: str, *, default: float = 0.5, **fields: Any) -> ScorerInfo:
    example = ScorerExample(scorer={"type": name, "value": _CAT}, passes="The cat sat on the mat.", fails=fails)
    bleu = ScorerExample(scorer={"type": name, "value": _CAT}, passes="the cat sat on the mat.", fails=fails)
    return ScorerInfo(
        type=name,
        summary=summary,
        value=fields.pop("value", _VALUE),
        value_is="compared",
        threshold=ThresholdInfo(meaning="least score", default=default),
        score="the metric",
        examples=(bleu if name == "bleu" else example,),
        **fields,
    )


_ROUGE = _info(
    "rouge-n",
    "The output and the reference share enough n-grams: F1 of precision and recall.",
    "a dog",
    default=0.75,
    definition="rouge-1-fmeasure[rouge-score]",
    params={
        "n": "words in an n-gram, 1 to 9; 1 unless given",
        "measure": "fmeasure (default), recall or precision",
        "stemmer": "true compares word stems (English)",
    },
    deviation=(
        "Computed by rouge-score, the definition of published figures, with words of every script; promptfoo's js-rouge"
        " splits as the Penn Treebank does, so that punctuation counts as words."
    ),
)
_BLEU = _info(
    "bleu",
    "The output's n-grams of one to four words are those of the reference.",
    "a dog ran",
    value="text, or a list of texts that are references together",
    definition="bleu[sacrebleu-13a]",
    params={
        "tokenize": "13a (default), intl, zh, char or none",
        "lowercase": "true compares in lower case",
    },
    deviation=(
        "Computed by sacrebleu, so that the figure compares with published ones: upper and lower case differ unless"
        " `lowercase: true`, exponential smoothing, effective order. promptfoo has its own smoothing (1e-7), compares"
        " in lower case and splits at white space."
    ),
)
_GLEU = _info(
    "gleu",
    "The output shares enough n-grams of one to four words with the reference, counted both ways.",
    "a dog ran",
    definition="gleu[nltk-1to4-lc-whitespace]",
)
_CHRF = _info(
    "chrf",
    "The output shares enough character n-grams with the reference; good for languages with many word forms.",
    "a dog ran",
    definition="chrf[sacrebleu-chrF2]",
    params={"word_order": "2 adds word n-grams (chrF++), 0 to 2; 0 unless given"},
    origin="promptship",
)
_METEOR = _info(
    "meteor",
    "The output has the reference's words, in their order.",
    "a dog ran",
    definition="meteor[exact+porter]",
    params={
        "alpha": "weight of precision, 0 to 1; 0.9 unless given",
        "beta": "exponent of the fragmentation penalty; 3 unless given",
        "gamma": "largest fragmentation penalty, 0 to 1; 0.5 unless given",
    },
    deviation=(
        "Without WordNet synonyms, which would need data that is downloaded: exact and stemmed matches only, so scores"
        " are equal or lower. promptfoo needs a package that it does not install."
    ),
)
_F1 = _info(
    "f1",
    "The output and the reference share enough words, as in question answering.",
    "a dog ran",
    definition="f1[squad-2.0]",
    origin="promptship",
)

SCORERS: Mapping[str, ScorerFactory] = {
    "rouge-n": ScorerFactory(info=_ROUGE, build=_build_rouge),
    "bleu": ScorerFactory(info=_BLEU, build=_build_bleu),
    "gleu": ScorerFactory(info=_GLEU, build=_build_gleu),
    "chrf": ScorerFactory(info=_CHRF, build=_build_chrf),
    "meteor": ScorerFactory(info=_METEOR, build=_build_meteor),
    "f1": ScorerFactory(info=_F1, build=_build_f1),
}
