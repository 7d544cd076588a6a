"""What panels of judges are worth, from recorded votes on LLMBar; no model is called.

    python benchmarks/judge_panels.py --data DIR

DIR holds `judge_votes_llmbar.jsonl`. A vote is what a judge said with the answers in the order of the data set. A panel
of wordings is one model asked in several ways; a panel of models is several models asked in one way.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from judge_cascade import load
from promptship.judges import PanelFigures, panel_figures

WORDINGS = ("Vanilla", "CoT", "Metrics", "Reference", "Metrics_Reference")
MODELS = ("GPT-4", "PaLM2", "ChatGPT", "LLaMA2", "Falcon")
VERDICTS = {"1": 1.0, "2": 0.0}


def votes_of(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    """Return a judge's votes in the first order: 1, 0, NaN where it gave none."""
    given = [(row["votes"].get(name) or [""])[0] for row in rows]
    return np.asarray([VERDICTS.get(vote, np.nan) for vote in given])


def measure(rows: list[dict[str, Any]], names: list[str]) -> PanelFigures:
    """Measure a panel."""
    human = np.asarray([float(row["label"] == 1) for row in rows])
    votes = np.column_stack([votes_of(rows, name) for name in names])
    return panel_figures(names, votes, human, [row["id"] for row in rows])


def render(title: str, found: PanelFigures) -> list[str]:
    """Write a panel as a table."""
    head = ("judge or rule", "decided", "right of these", "95 % interval", "weight")
    lines = [f"## {title}", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    weights = dict(zip(found.judges, found.weights, strict=False))
    for one in (*found.alone, *found.together):
        figure = one.agreement
        interval = "-" if figure.low is None or figure.high is None else f"{figure.low:.1%} to {figure.high:.1%}"
        weight = f"{weights[one.name]:.2f}" if one.name in weights else ""
        decided, right = one.coverage.estimate or 0, figure.estimate or 0
        lines.append(f"| {one.name} | {decided:.0%} | {right:.1%} | {interval} | {weight} |")
    worth = "unknown" if found.effective is None else f"{found.effective:.1f}"
    return [*lines, "", f"{len(found.judges)} judges are worth {worth} with independent errors.", ""]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    rows = load(parser.parse_args().data)
    known = set.union(*(set(row["votes"]) for row in rows))
    lines = [
        "# Panels from recorded votes",
        "",
        f"{len(rows)} pairs of LLMBar, votes in the order of the data set.",
        "",
    ]
    for model in ("GPT-4", "PaLM2", "ChatGPT"):
        names = [f"{model}/{wording}" for wording in WORDINGS if f"{model}/{wording}" in known]
        lines += render(f"{model} in {len(names)} wordings", measure(rows, names))
    names = [f"{model}/Metrics_Reference" for model in MODELS if f"{model}/Metrics_Reference" in known]
    lines += render(f"{len(names)} models in one wording", measure(rows, names))
    print("\n".join(lines).rstrip())


if __name__ == "__main__":
    main()
