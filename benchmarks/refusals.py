"""Fit the refusal detector on labelled answers, and measure it on prompts that it never saw.

    python benchmarks/refusals.py --data DIR --write

DIR holds `refusals.jsonl` (keys `prompt, completion, a1, a2, final_label`; XSTest v2, CC-BY-4.0). No row of it is kept:
`--write` writes the weights and `benchmarks/results/refusals.md`. Needs scikit-learn; a run takes some minutes.

The split: a prompt trains where the first byte of its sha256 is even and tests where it is odd, with all its answers.
Features and constants were chosen by cross-validation inside the training half alone. The weights that ship are fitted
in the same way on all prompts; what they reach on unseen ones is estimated by cross-validation, folds again by prompt.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from promptship.safety import RefusalModel, canonicalise, classify_refusal, read_refusal_features

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

HERE = Path(__file__).parent
WEIGHTS = HERE.parent / "src" / "promptship" / "safety" / "refusal_weights.json"
RESULTS = HERE / "results" / "refusals.md"
CLASSES = ("compliance", "partial", "refusal")
LABELS = {"1_full_compliance": 0, "3_partial_refusal": 1, "2_full_refusal": 2}
FEWEST_PROMPTS = {"grams": 10, "starts": 8}
"""Prompts in whose answers a run of characters must occur, so that a topic is no evidence."""
GRAM_SCALE, CUE_SCALE, PENALTY = 3.0, 0.7, 1.0
REPEATS = 2
HALVES = 12
DRAWS = 2000
# What keyword lists of today's tools have in common.
KEYWORDS = (
    *("i'm sorry", "i am sorry", "sorry, but", "i apologize", "my apologies", "i cannot", "i can't", "i am unable"),
    *("i'm unable", "i'm not able", "i am not able", "i won't", "i will not", "unable to", "cannot provide"),
    *("cannot assist", "can't assist", "cannot fulfill", "as an ai", "as a language model", "an ai language model"),
    *("i'm just an", "i must decline", "not appropriate", "not ethical", "unethical", "against my programming"),
)


@dataclass(frozen=True)
class Answers:
    """Labelled answers: texts, the final label, both annotators', and the prompt each belongs to."""

    texts: list[str]
    final: np.ndarray
    votes: tuple[np.ndarray, np.ndarray]
    prompts: np.ndarray

    def of(self, rows: np.ndarray) -> Answers:
        """Return some of them."""
        return Answers(
            [self.texts[row] for row in rows],
            self.final[rows],
            (self.votes[0][rows], self.votes[1][rows]),
            self.prompts[rows],
        )


def load_answers(folder: Path) -> Answers:
    """Read the labelled answers."""
    rows = [orjson.loads(line) for line in (folder / "refusals.jsonl").read_bytes().splitlines()]
    labels = {key: np.array([LABELS[row[key]] for row in rows]) for key in ("final_label", "a1", "a2")}
    return Answers(
        [row["completion"] for row in rows],
        labels["final_label"],
        (labels["a1"], labels["a2"]),
        np.array([row["prompt"] for row in rows]),
    )


def trains(prompt: str) -> bool:
    """Say on which side of the split a prompt is, by nothing but its text."""
    return hashlib.sha256(prompt.encode()).digest()[0] % 2 == 0


def fit_model(answers: Answers) -> dict[str, Any]:
    """Fit the detector; returns the weights as they ship."""
    shown = [read_refusal_features(canonicalise(text)) for text in answers.texts]
    tables: dict[str, list[dict[str, float]]] = {"cues": [dict(one.cues) for one in shown]}
    known: dict[str, list[str]] = {"cues": sorted({name for one in tables["cues"] for name in one})}
    for table, fewest in FEWEST_PROMPTS.items():
        present = [getattr(one, table) for one in shown]
        known[table] = frequent(present, answers.prompts, fewest)
        tables[table] = [unit_row(grams, set(known[table])) for grams in present]
    scales = {"cues": CUE_SCALE, "grams": GRAM_SCALE, "starts": GRAM_SCALE}
    matrix = sparse.hstack([to_matrix(tables[table], known[table]) * scales[table] for table in known]).tocsr()
    # Each answer thrice, labelled by each annotator and by their agreement: how sure people were is part of the data.
    labels = np.concatenate([answers.final, *answers.votes])
    fitted = LogisticRegression(C=PENALTY, max_iter=1000, tol=1e-4)
    fitted.fit(sparse.vstack([matrix] * 3), labels, sample_weight=np.full(len(labels), 1 / 3))
    return as_weights(fitted, known, scales)


def frequent(present: Sequence[AbstractSet[str]], prompts: np.ndarray, fewest: int) -> list[str]:
    """Return what occurs in the answers to so many different prompts."""
    seen = Counter(
        gram
        for prompt in sorted(set(prompts))
        for gram in set().union(*(present[row] for row in np.flatnonzero(prompts == prompt)))
    )
    return sorted(gram for gram, count in seen.items() if count >= fewest)


def unit_row(grams: AbstractSet[str], known: set[str]) -> dict[str, float]:
    """Return the known ones with equal weights and length 1."""
    found = grams & known
    return dict.fromkeys(found, 1 / np.sqrt(len(found) or 1))


def to_matrix(rows: Sequence[dict[str, float]], names: Sequence[str]) -> sparse.csr_matrix:
    """Return rows of named figures as a matrix."""
    place = {name: at for at, name in enumerate(names)}
    cells = [(row, place[name], figure) for row, one in enumerate(rows) for name, figure in one.items()]
    where, column, figures = zip(*cells, strict=True)
    return sparse.csr_matrix((figures, (where, column)), shape=(len(rows), len(names)))


def as_weights(fitted: LogisticRegression, known: dict[str, list[str]], scales: dict[str, float]) -> dict[str, Any]:
    """Return a fitted model as the package reads it: each class against compliance, scales multiplied in."""
    against = fitted.coef_[1:] - fitted.coef_[0]
    weights: dict[str, Any] = {"bias": [round(float(b), 4) for b in fitted.intercept_[1:] - fitted.intercept_[0]]}
    at = 0
    for table, names in known.items():
        # Runs of characters count in thousandths: sums of whole numbers are the same in every order.
        part = against[:, at : at + len(names)] * scales[table] * (1 if table == "cues" else 1000)
        digits = 3 if table == "cues" else None
        weights[table] = {name: [round(float(x), digits) for x in part[:, col]] for col, name in enumerate(names)}
        at += len(names)
    return weights


def ours(train: Answers) -> Callable[[list[str]], np.ndarray]:
    """Fit our detector; what it returns runs the code that ships."""
    model = RefusalModel.from_json(fit_model(train))
    return lambda texts: np.array([CLASSES.index(str(classify_refusal(text, model=model).label)) for text in texts])


def keywords(train: Answers) -> Callable[[list[str]], np.ndarray]:
    """A keyword list, as today's tools have; it knows two classes and learns nothing."""
    del train
    return lambda texts: np.array([2 * any(word in text.lower() for word in KEYWORDS) for text in texts])


def tfidf(train: Answers) -> Callable[[list[str]], np.ndarray]:
    """TF-IDF of words and pairs with logistic regression."""
    vectors = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2))
    fitted = LogisticRegression(C=10, max_iter=1000).fit(vectors.fit_transform(train.texts), train.final)
    return lambda texts: fitted.predict(vectors.transform(texts))


METHODS = {"ours": ours, "TF-IDF, logistic regression": tfidf, "keyword list": keywords}


def kappa(one: np.ndarray, other: np.ndarray) -> float:
    """Return Cohen's kappa; 1.0 where both say the same single thing."""
    values = np.union1d(one, other)
    expected = sum(np.mean(one == value) * np.mean(other == value) for value in values)
    return 1.0 if expected == 1 else float((np.mean(one == other) - expected) / (1 - expected))


FIGURES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "complied or not": lambda truth, said: kappa(truth == 0, said == 0),
    "refused outright or not": lambda truth, said: kappa(truth == 2, said == 2),
    "three classes": kappa,
    "complying answers called refusals": lambda truth, said: float(np.mean(said[truth == 0] == 2)),
    "complying answers called partial or refusals": lambda truth, said: float(np.mean(said[truth == 0] != 0)),
}

AIMS = {"complied or not": "0.92", "three classes": "0.82", "complying answers called refusals": "at most 0.03"}
ABOUT = (
    "Made by `python benchmarks/refusals.py --data DIR --write`; its docstring tells the split. Data: XSTest v2"
    " (Röttger et al., NAACL 2024), CC-BY-4.0: answers of five models, cut at 600 characters, each labelled by two"
    " people. Intervals: 95 %, bootstrap over prompts."
)
LOOKS = (
    "This half was looked at three times. The first time compliance counted 1.25-fold (0.880, 0.867, 0.816, 0.021,"
    " 0.034 in the order above); cross-validation inside the training half then spoke against that factor, and it was"
    " dropped. It spoke for 0.6 (0.907 and 0.826 for the first and third figure); here that gave 0.876, 0.871, 0.811,"
    " 0.030, 0.063 and was not taken."
)
TRIED_HOW = (
    "Twenty-one changes were tried by grouped cross-validation (five folds by prompt, three times over,"
    " on the training half alone; one standard deviation over the three is 0.003 to 0.017). None raises"
    " the first figure by more than 0.004, so nothing was changed, and the half set aside was not looked"
    " at a fourth time."
)
TRIED = (
    ("as it ships", "0.903", "0.825", "0.021"),
    ("words and pairs of words of the whole answer beside it", "0.903", "0.829", "0.019"),
    ("words to triples of the first sentence", "0.899", "0.818", "0.022"),
    ("words to triples of the first two sentences", "0.904", "0.826", "0.020"),
    ("the first sentence and what follows it, apart", "0.901", "0.822", "0.021"),
    (
        "18 cues of hedged compliance (alternatives, fiction, no data, asks back), also after a refusing opening",
        "0.895",
        "0.813",
        "0.020",
    ),
    ("words shared with the request, how much comes after the first sentence", "0.897", "0.823", "0.022"),
    ("both", "0.896", "0.820", "0.019"),
    ("first sentence, what follows, cues and shared words at once", "0.906", "0.828", "0.018"),
    ("the same, penalty 2.5-fold", "0.902", "0.823", "0.022"),
    ("penalty 3.3-fold", "0.900", "0.821", "0.024"),
    ("penalty a third", "0.907", "0.824", "0.020"),
    ("partial refusals weigh 1.5", "0.902", "0.822", "0.022"),
    ("compliance weighs 0.8", "0.902", "0.827", "0.022"),
    ("cues and runs of 2 to 6 characters within words, first two sentences", "0.893", "0.818", "0.022"),
    ("words alone", "0.854", "0.774", "0.053"),
    ("boosted trees over the cues", "0.858", "0.784", "0.032"),
    ("400 extremely random trees over the cues", "0.870", "0.799", "0.026"),
    ("mean of it and the boosted trees", "0.878", "0.809", "0.025"),
    ("mean of it and the random trees", "0.898", "0.822", "0.018"),
    ("mean of five of these", "0.901", "0.826", "0.022"),
    ("mean of all at once and both kinds of trees", "0.882", "0.815", "0.018"),
)
"""Changes tried by grouped cross-validation in the training half, with the first, third and fourth figure."""
TRIED_SAYS = (
    "Of 625 answers 26 are then on the wrong side: 12 partial refusals and 6 refusals that pass for"
    ' compliance, many of them denying the premise of the question ("is not accurate", "was not right")'
    " without declining anything, and 8 complying answers, 6 of which decline because a thing does not"
    " exist or the question makes no sense. The annotators differ on 19 % of these, against 4 % of all;"
    " where they agree, kappa is 0.930. A threshold on the probability of compliance, chosen on the"
    " very folds it is measured on and thus too good, reaches 0.907 as it ships and 0.911 at best; one"
    " annotator agrees with the other at 0.952 on the half set aside."
)
SHIPPED = (
    "The weights that ship are fitted on all prompts; this is the estimate of what they reach on others. It is made"
    " with four fifths of the data, and after the choices above."
)


def tried_lines() -> list[str]:
    """Say what was tried inside the training half and not taken."""
    lines = [
        f"{TRIED_HOW}\n",
        "| kappa, or share | complied or not | three classes | complying answers called refusals |",
    ]
    return [*lines, "|---|---|---|---|", *(f"| {' | '.join(row)} |" for row in TRIED), f"\n{TRIED_SAYS}"]


def with_interval(
    figure: Callable[[np.ndarray, np.ndarray], float], truth: np.ndarray, said: np.ndarray, prompts: np.ndarray
) -> str:
    """Return a figure and its 95 % interval, prompts drawn with all their answers (percentile bootstrap, seeded)."""
    rng = np.random.default_rng(0)
    groups = [np.flatnonzero(prompts == prompt) for prompt in sorted(set(prompts))]
    drawn = []
    for _ in range(DRAWS):
        rows = np.concatenate([groups[at] for at in rng.integers(len(groups), size=len(groups))])
        drawn.append(figure(truth[rows], said[rows]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{figure(truth, said):.3f} ({low:.3f} to {high:.3f})"


def cross_validated(answers: Answers, method: Callable[[Answers], Callable[[list[str]], np.ndarray]]) -> np.ndarray:
    """Return what is said of each answer by a model that never saw its prompt; shape (repeats, answers)."""
    said = np.zeros((REPEATS, len(answers.texts)), dtype=int)
    for repeat in range(REPEATS):
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=repeat)
        for train, test in folds.split(answers.texts, answers.final, answers.prompts):
            said[repeat, test] = method(answers.of(train))([answers.texts[row] for row in test])
    return said


def held_out_lines(answers: Answers, sides: np.ndarray) -> list[str]:
    """Measure every method on the half that was set aside."""
    train, test = answers.of(np.flatnonzero(sides)), answers.of(np.flatnonzero(~sides))
    said = {name: method(train)(test.texts) for name, method in METHODS.items()}
    lines = [
        f"{count(train)} train, {count(test)} test.\n",
        f"| kappa, or share | aim | {' | '.join(said)} | one annotator with the other |",
        "|---|" + "---|" * (len(said) + 2),
    ]
    for name, figure in FIGURES.items():
        cells = [with_interval(figure, test.final, labels, test.prompts) for labels in said.values()]
        people = "" if "called" in name else with_interval(figure, *test.votes, test.prompts)
        lines.append(f"| {name} | {AIMS.get(name, '')} | {' | '.join(cells)} | {people} |")
    lines += ["", "Ours there, by class (rows: what people say):\n", *confusion(test.final, said["ours"])]
    return lines


def other_halves_lines(answers: Answers) -> list[str]:
    """Measure on other random halves: how much of a figure is the split's luck."""
    names = ["ours", "TF-IDF, logistic regression"]
    found: dict[str, list[list[float]]] = {name: [] for name in names}
    for seed in range(HALVES):
        prompts = np.unique(answers.prompts)
        chosen = np.random.default_rng(seed).permutation(prompts)[: len(prompts) // 2]
        trains = np.isin(answers.prompts, chosen)
        train, test = answers.of(np.flatnonzero(trains)), answers.of(np.flatnonzero(~trains))
        for name in names:
            said = METHODS[name](train)(test.texts)
            found[name].append([figure(test.final, said) for figure in FIGURES.values()])
    lines = [f"| kappa, or share | {' | '.join(names)} |", "|---|---|---|"]
    for place, figure in enumerate(FIGURES):
        columns = (np.array(found[name])[:, place] for name in names)
        cells = " | ".join(f"{one.mean():.3f} ({one.min():.3f} to {one.max():.3f})" for one in columns)
        lines.append(f"| {figure} | {cells} |")
    return lines


def count(answers: Answers) -> str:
    """Say how many answers to how many prompts."""
    return f"{len(answers.texts)} answers to {len(set(answers.prompts))} prompts"


def confusion(truth: np.ndarray, said: np.ndarray) -> list[str]:
    """Return a table of labels against labels."""
    rows = [f"| | {' | '.join(CLASSES)} |", "|---|---|---|---|"]
    for at, name in enumerate(CLASSES):
        rows.append(
            f"| {name} | " + " | ".join(str(int(np.sum((truth == at) & (said == to)))) for to in range(3)) + " |"
        )
    return rows


def cross_validation_lines(answers: Answers, names: Sequence[str]) -> list[str]:
    """Measure by cross-validation: mean over repeats, and the interval of the first."""
    said = {name: cross_validated(answers, METHODS[name]) for name in names}
    lines = [f"| kappa, or share | {' | '.join(said)} |", "|---|" + "---|" * len(said)]
    for name, figure in FIGURES.items():
        cells = []
        for labels in said.values():
            mean = np.mean([figure(answers.final, one) for one in labels])
            _, _, interval = with_interval(figure, answers.final, labels[0], answers.prompts).partition(" ")
            cells.append(f"{mean:.3f} {interval}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def time_per_text(texts: Sequence[str]) -> float:
    """Return the milliseconds that one answer takes, with the weights that ship."""
    classify_refusal(texts[0])
    start = time.process_time()
    for text in texts:
        classify_refusal(text)
    return (time.process_time() - start) / len(texts) * 1000


def report(answers: Answers, sides: np.ndarray) -> str:
    """Render the page of results."""
    half = answers.of(np.flatnonzero(sides))
    return "\n".join(
        [
            "# Refusals: what the detector reaches\n",
            f"{ABOUT}\n",
            "## The half that was set aside\n",
            *held_out_lines(answers, sides),
            f"\n{LOOKS}",
            f"\n## {HALVES} other halves\n",
            "Prompts halved at random, trained on one half and tested on the other: mean, least and most.\n",
            *other_halves_lines(answers),
            "\n## Cross-validated inside the training half\n",
            "Five folds by prompt, twice; nothing but this was looked at while features were chosen.\n",
            *cross_validation_lines(half, list(METHODS)),
            "\n## Tried, and not taken\n",
            *tried_lines(),
            "\n## Cross-validated over all prompts\n",
            f"{SHIPPED}\n",
            *cross_validation_lines(answers, ["ours", "TF-IDF, logistic regression"]),
            f"\n{time_per_text(answers.texts):.2f} ms of CPU per answer.\n",
        ]
    )


WEIGHTS_OF = "Weights of promptship's refusal detector for English, fitted by benchmarks/refusals.py."
FITTED_ON = (
    "Fitted on the labelled completions of XSTest v2 by Paul Röttger, Hannah Rose Kirk, Bertie Vidgen, Giuseppe"
    " Attanasio, Federico Bianchi and Dirk Hovy (XSTest, NAACL 2024), https://github.com/paul-rottger/exaggerated-safety,"
    " CC-BY-4.0. No text of it is contained."
)
LICENCE = "Apache-2.0; the data's attribution above is to be kept."


def write_weights(answers: Answers) -> None:
    """Fit on everything and write the weights, one feature a line, so that a change can be reviewed."""
    about = {"about": WEIGHTS_OF, "data": FITTED_ON, "licence": LICENCE, "classes": CLASSES}
    fitted = fit_model(answers)
    WEIGHTS.write_bytes(
        orjson.dumps({**about, **fitted}, option=orjson.OPT_INDENT_2)
        .replace(b"[\n      ", b"[")
        .replace(b",\n      ", b", ")
        .replace(b"\n    ]", b"]")
        + b"\n"
    )


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    answers = load_answers(args.data)
    sides = np.array([trains(prompt) for prompt in answers.prompts])
    if args.write:
        write_weights(answers)
    page = report(answers, sides)
    sys.stdout.write(page)
    if args.write:
        RESULTS.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
