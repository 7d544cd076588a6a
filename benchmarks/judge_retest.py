"""How far the local default judge moves when it is asked again, by likelihood and sampled at temperature 1.

    python benchmarks/judge_retest.py [--items 20] [--retests 1] [--only sampled]

Takes the example judge `reply-local` of this repository and its labels, and asks the project's local model: for the
verdict by likelihood, as the file has it, and for a written verdict in JSON at temperature 1. Each question is asked
again without the cache. Runs on one machine and asks nobody else; some minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
PROGRAM = Path(sys.executable).parent / "promptctl"
JUDGE = "reply-local"
MODELS = """\
default: {model: local/smollm2-135m-instruct, params: {temperature: 0, max_tokens: 64}}
sampled: {model: local/smollm2-135m-instruct, params: {temperature: 1, max_tokens: 32}}
"""


class Setting(NamedTuple):
    """One way of asking."""

    name: str
    what: str
    model: str
    params: dict[str, Any]


SETTINGS = (
    Setting("likelihood", "verdict by likelihood, temperature 0", "default", {}),
    Setting("sampled", "verdict alone in JSON, temperature 1", "sampled",
            {"form": "json", "rationale": "none", "evidence": "none"}),
)  # fmt: skip


def lay_out(folder: Path, items: int) -> None:
    """Write a project with the judge in each setting, on as many outputs of either label."""
    judges = folder / "evalsets" / "judges"
    judges.mkdir(parents=True)
    (folder / "prompts").mkdir()
    (folder / "prompts" / "models.yaml").write_text(MODELS, encoding="utf-8")
    own = ROOT / "evalsets" / "judges"
    outputs, labels = (
        [json.loads(line) for line in (own / f"support-replies.{kind}.jsonl").read_text(encoding="utf-8").splitlines()]
        for kind in ("items", "labels")
    )
    chosen = []
    for rating in ("good", "bad"):
        rated = [one for one in labels if one["rating"] == rating]
        chosen += rated[:: max(1, 2 * len(rated) // items)][: items // 2]
    cases = {one["case"] for one in chosen}
    for kind, rows in (("items", [one for one in outputs if one["id"] in cases]), ("labels", chosen)):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (judges / f"support-replies.{kind}.jsonl").write_text(lines, encoding="utf-8")
    text = (own / f"{JUDGE}.yaml").read_text(encoding="utf-8")
    for setting in SETTINGS:
        written = text.replace("model: default", f"model: {setting.model}\nparams: {json.dumps(setting.params)}")
        (judges / f"{setting.name}.yaml").write_text(written, encoding="utf-8")


def ask(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program in the project."""
    return subprocess.run(
        [str(PROGRAM), *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=3_000
    )


def figure(card: dict[str, Any], name: str) -> str:
    """Return a figure of a card with its interval."""
    found = card["figures"].get(name) or {}
    if found.get("estimate") is None:
        return "-"
    if found.get("low") is None:
        return f"{found['estimate']:.3f}"
    return f"{found['estimate']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def report(folder: Path, setting: Setting, retests: int) -> None:
    """Print one line of the table."""
    begun = time.perf_counter()
    done = ask(folder, "judge", "card", setting.name, "--no-probes", "--retests", str(retests), "--json")
    took = time.perf_counter() - begun
    if done.returncode:
        print(f"| {setting.what} | {done.stderr.strip().splitlines()[-1]} |" + " |" * 5)
        return
    card = json.loads(done.stdout)
    cells = [figure(card, name) for name in ("retest_flips", "retest_variance", "kappa")]
    unscored = card["counts"]["unscored"]
    print(f"| {setting.what} | {' | '.join(cells)} | {unscored} of {card['labels']['labelled']} | {took:.0f} s |")


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=20)
    parser.add_argument("--retests", type=int, default=1)
    parser.add_argument("--only", choices=[setting.name for setting in SETTINGS])
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        lay_out(folder, options.items)
        print("| asked for | verdicts that change | variance of the score | kappa with people | no verdict | took |")
        print("|---|---|---|---|---|---|", flush=True)
        for setting in SETTINGS:
            if options.only in {None, setting.name}:
                report(folder, setting, options.retests)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
