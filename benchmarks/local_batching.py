"""What micro-batching brings on this machine: the default local model, prompts of mixed length.

    python benchmarks/local_batching.py --write benchmarks/results/local_batching.md

One row per batch size; 1 is one request at a time. Requests arrive all at once, as in an evaluation. The model is
loaded and warmed up before the clock starts; loading is timed by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path

import platformdirs

from promptship.domain import CompletionRequest, Message
from promptship.models.local._engine import Engine
from promptship.models.local._folders import find_folder
from promptship.models.local._worker import Worker

SUBJECTS = (
    "rain",
    "a tent by the lake",
    "the refund policy of a shop that sells outdoor gear, and why a customer should find it fair",
    "boots",
    "a parcel that went to the wrong address twice, was returned to the shop, and is now somewhere in the Alps",
    "mountains that are high",
    "Berlin in the winter",
    "how to wash a sleeping bag filled with down without spoiling it, step by step",
)
TASKS = ("Write two sentences about", "Explain to a child", "Write a short advertisement for", "What do you know about")


def make_requests(tokens: int) -> list[CompletionRequest]:
    """Build 32 prompts of mixed length."""
    params = {"temperature": 0, "max_tokens": tokens}
    texts = [f"{task} {subject}." for task in TASKS for subject in SUBJECTS]
    return [CompletionRequest(messages=(Message(role="user", content=text),), params=dict(params)) for text in texts]


async def measure(engine: Engine, rows: int, requests: list[CompletionRequest]) -> tuple[float, int]:
    """Return seconds and generated tokens for all requests with at most `rows` in a batch."""
    worker = Worker(lambda: engine, most_rows=rows)
    await worker.submit(requests[0])
    started = time.perf_counter()
    answers = await asyncio.gather(*map(worker.submit, requests))
    elapsed = time.perf_counter() - started
    worker.stop()
    return elapsed, sum(generated.tokens for _, generated in answers)


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    folder = find_folder("smollm2-135m-instruct", Path(platformdirs.user_cache_dir("promptship")))
    assert folder is not None, "promptctl models pull smollm2-135m-instruct"
    started = time.perf_counter()
    import torch  # noqa: F401 - timed apart from loading
    from transformers import AutoTokenizer, LlamaForCausalLM  # noqa: F401 - they are imported when first named

    imported = time.perf_counter()
    engine = Engine(folder)
    loaded = time.perf_counter()
    requests = make_requests(options.tokens)
    lines = [
        f"Importing transformers and torch {imported - started:.1f} s, loading the model {loaded - imported:.1f} s.",
        f"{len(requests)} prompts of mixed length, at most {options.tokens} new tokens, float32.",
        "",
        "| rows in a batch | seconds | tokens/s | against one at a time |",
        "|---|---|---|---|",
    ]
    alone = 0.0
    for rows in (1, 4, 8, 16, 32):
        elapsed, tokens = asyncio.run(measure(engine, rows, requests))
        alone = alone or tokens / elapsed
        lines.append(f"| {rows} | {elapsed:.1f} | {tokens / elapsed:.0f} | {tokens / elapsed / alone:.1f} |")
    print("\n".join(lines))
    if options.write:
        options.write.write_text(
            "# Micro-batching of the default local model\n\n`python benchmarks/local_batching.py`\n\n"
            + "\n".join(lines)
            + "\n"
        )


if __name__ == "__main__":
    main()
