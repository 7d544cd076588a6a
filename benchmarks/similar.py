"""What the scorer `similar` costs over 20,000 pairs, against a bare sentence-transformers loop.

    python benchmarks/similar.py --write benchmarks/results/similar.md

The loop is `SentenceTransformer.encode` over all outputs and over all references with our batch size, then the cosine
of each pair: it knows every text beforehand and sorts them all by length. The scorer is built as an evalset builds it,
and `--in-flight` workers score one case each at a time, so it sees as many pairs at once. Both run in this process, in
turn on each round's texts, with the same weights, after a warm-up. Then everything is scored once more from the cache
of embeddings, which is opened anew.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import platformdirs

from promptship.domain import Case, Output, Score, ScoreInput, ScorerSpec
from promptship.models import VectorCache, open_embedder
from promptship.scorers import ScorerContext, build_scorer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sentence_transformers import SentenceTransformer

    from promptship.domain import Embedder

BATCH = 64
CACHE_DIR = Path(platformdirs.user_cache_dir("promptship"))
SLOWER_BY = 1.2
CACHED_S = 2.0
WORDS = (
    *("the", "a", "parcel", "tent", "order", "refund", "customer", "left", "on", "Monday", "with", "our", "shop"),
    *("was", "not", "delivered", "yet", "please", "send", "it", "back", "to", "Berlin", "and", "we", "will", "30"),
    *("EUR", "within", "two", "weeks", "sorry", "for", "delay", "is", "waterproof", "zip", "broke", "after", "night"),
)


class Instruments:
    """Opens the default embedder with a cache; nothing else is asked for."""

    def __init__(self, vectors: VectorCache) -> None:
        self._embedder = open_embedder("", cache_dir=CACHE_DIR, vectors=vectors)

    def embedder(self, name: str) -> Embedder:
        """See `promptship.domain.Instruments.embedder`."""
        assert not name
        return self._embedder


@dataclass(frozen=True, kw_only=True)
class Taken:
    """Wall and CPU seconds."""

    wall_s: float
    cpu_s: float


def make_pairs(count: int, seed: int) -> list[tuple[str, str]]:
    """Write pairs of texts of 4 to 28 words, no two alike, each second one a shuffled half of the first."""
    random_ = random.Random(seed)  # noqa: S311 - texts, not secrets
    pairs = []
    for number in range(count):
        words = [random_.choice(WORDS) for _ in range(random_.randint(4, 28))]
        other = random_.sample(words, len(words) // 2) + [random_.choice(WORDS) for _ in range(random_.randint(2, 8))]
        pairs.append((f"{' '.join(words)} {seed}-{number}.", f"{' '.join(other)} {number}-{seed}."))
    return pairs


def score_in_loop(model: SentenceTransformer, pairs: Sequence[tuple[str, str]]) -> list[float]:
    """Return the cosine of each pair."""
    options = {"batch_size": BATCH, "show_progress_bar": False}
    left, right = (model.encode([pair[side] for pair in pairs], **options) for side in (0, 1))
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return [float(one) for one in (left * right).sum(1) / lengths]


def make_items(pairs: Sequence[tuple[str, str]]) -> list[ScoreInput]:
    """Return what a runner hands to a scorer."""
    return [
        ScoreInput(output=Output(text=output), case=Case(id="c", inputs={}, expected=expected))
        for output, expected in pairs
    ]


def score_ours(vectors: VectorCache, items: Sequence[ScoreInput], in_flight: int) -> list[float]:
    """Return the measure of each item's score."""
    spec = ScorerSpec(type="similar", name="similar")
    scorer = build_scorer(spec, ScorerContext(instruments=Instruments(vectors)))  # type: ignore[arg-type]  # embedders only
    measures = [0.0] * len(items)
    places = iter(range(len(items)))

    async def work() -> None:
        for place in places:
            found = scorer.score(items[place])
            score = found if isinstance(found, Score) else await found
            assert score.measure is not None
            measures[place] = score.measure

    async def run() -> None:
        await asyncio.gather(*(work() for _ in range(in_flight)))

    asyncio.run(run())
    return measures


def take(run: Callable[[], list[float]]) -> tuple[Taken, list[float]]:
    """Run and time."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = run()
    return Taken(wall_s=time.perf_counter() - wall, cpu_s=time.process_time() - cpu), found


def total(rounds: Sequence[Taken]) -> Taken:
    """Add up rounds."""
    return Taken(wall_s=sum(one.wall_s for one in rounds), cpu_s=sum(one.cpu_s for one in rounds))


def measure(count: int, rounds: int, in_flight: int) -> list[str]:
    """Measure both, then the cache, and return the lines of the report."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(CACHE_DIR / "models" / "all-minilm-l6-v2"), device="cpu")
    groups = [make_pairs(count // rounds, seed) for seed in range(1, rounds + 1)]
    loop: list[Taken] = []
    ours: list[Taken] = []
    furthest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "vectors.db"
        with closing(VectorCache(place)) as vectors:
            warm = make_pairs(4 * BATCH, 0)
            score_in_loop(model, warm)
            score_ours(vectors, make_items(warm), in_flight)
            for number, pairs in enumerate(groups):
                by_both: list[list[float]] = []
                items = make_items(pairs)
                # In turn the first, so that neither always runs on the warmer machine.
                for is_ours in (number % 2 == 0, number % 2 == 1):
                    taken, found = take(
                        (lambda items=items: score_ours(vectors, items, in_flight))
                        if is_ours
                        else (lambda pairs=pairs: score_in_loop(model, pairs))
                    )
                    (ours if is_ours else loop).append(taken)
                    by_both.append(found)
                furthest = max(furthest, *(abs(a - b) for a, b in zip(*by_both, strict=True)))
        cached, every = [], make_items([pair for pairs in groups for pair in pairs])
        for _ in range(3):
            with closing(VectorCache(place)) as vectors:
                taken, _found = take(lambda: score_ours(vectors, every, in_flight))
                cached.append(taken)
        megabytes = place.stat().st_size / 2**20
    return render(count, in_flight, loop=loop, ours=ours, cached=cached, furthest=furthest, megabytes=megabytes)


def render(
    count: int,
    in_flight: int,
    *,
    loop: Sequence[Taken],
    ours: Sequence[Taken],
    cached: Sequence[Taken],
    furthest: float,
    megabytes: float,
) -> list[str]:
    """Write the report."""
    bare, own = total(loop), total(ours)
    best = min(cached, key=lambda one: one.wall_s)
    ratios = sorted(one.wall_s / other.wall_s for one, other in zip(ours, loop, strict=True))
    wall, cpu = own.wall_s / bare.wall_s, own.cpu_s / bare.cpu_s
    rows = {
        "bare loop": bare,
        "`similar`, nothing cached": own,
        f"`similar`, all cached ({megabytes:.0f} MB), best of {len(cached)}": best,
    }
    shown = f"{wall:.3f} (rounds: {', '.join(f'{one:.2f}' for one in ratios)})"
    targets = {
        f"at most {SLOWER_BY:.2f} of the loop's wall time": (shown, wall <= SLOWER_BY),
        "and of its CPU": (f"{cpu:.3f}", cpu <= SLOWER_BY),
        f"from the cache under {CACHED_S:g} s": (f"{best.wall_s:.2f} s", best.wall_s < CACHED_S),
    }
    return [
        f"{count:,} pairs, all-MiniLM-L6-v2 in float32 on {os.cpu_count()} cores, batches of at most {BATCH},",
        f"{in_flight} cases in flight, {len(ours)} rounds, load average {os.getloadavg()[0]:.1f} at the end.",
        f"The largest difference between two cosines of a pair is {furthest:.0e}.",
        "",
        "| | wall s | CPU s | wall us a pair |",
        "|---|---|---|---|",
        *(
            f"| {name} | {one.wall_s:.2f} | {one.cpu_s:.2f} | {1e6 * one.wall_s / count:.0f} |"
            for name, one in rows.items()
        ),
        "",
        "| target | measured | met |",
        "|---|---|---|",
        *(f"| {name} | {found} | {'yes' if met else 'no'} |" for name, (found, met) in targets.items()),
    ]


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--in-flight", type=int, default=256)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    lines = measure(options.pairs, options.rounds, options.in_flight)
    print("\n".join(lines))
    if options.write:
        head = ["# The scorer `similar`", "", "`python benchmarks/similar.py`", ""]
        options.write.write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
