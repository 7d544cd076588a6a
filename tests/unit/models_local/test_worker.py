"""What the worker does with an engine that fails, and how it chooses a batch."""

import asyncio

from promptship.domain import CompletionRequest, Message
from promptship.errors import ModelError
from promptship.models.local._jobs import Generated, Job, parse_sampling
from promptship.models.local._worker import Worker


class FakeEngine:
    """Answers with the number of rows that were in the batch; has memory for `most` rows."""

    context_tokens = 1_000

    def __init__(self, most=64):
        self.most = most
        self.batches = []

    def encode(self, request):
        text = request.messages[0].text
        return Job(tokens=[ord(letter) for letter in text], sampling=parse_sampling(request), choices=[])

    def run(self, jobs):
        if len(jobs) > self.most:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        self.batches.append(["".join(map(chr, job.tokens)) for job in jobs])
        return [
            Generated(text=str(len(jobs)), tokens=1, finish_reason="stop", latency_s=0.0, logprobs=()) for _ in jobs
        ]


def ask(text):
    return CompletionRequest(messages=(Message(role="user", content=text),), params={"max_tokens": 1})


async def answers_of(engine, texts, **options):
    worker = Worker(lambda: engine, **options)
    try:
        return await asyncio.gather(*(worker.submit(ask(text)) for text in texts), return_exceptions=True)
    finally:
        worker.stop()


async def test_a_batch_that_does_not_fit_into_memory_is_halved_until_it_does():
    engine = FakeEngine(most=2)
    found = await answers_of(engine, ["a", "bb", "ccc", "dddd", "eeeee"])
    assert [isinstance(one, Exception) for one in found] == [False] * 5
    assert max(map(len, engine.batches)) <= 2
    assert sorted(text for batch in engine.batches for text in batch) == ["a", "bb", "ccc", "dddd", "eeeee"]


async def test_a_request_that_does_not_fit_alone_says_so():
    (found,) = await answers_of(FakeEngine(most=0), ["a"])
    assert isinstance(found, ModelError)
    assert "out of memory on a single request" in str(found)


async def test_requests_that_begin_alike_share_a_batch_before_their_neighbours_in_length():
    engine = FakeEngine()
    triage = [f"classify this mail please: {word}" for word in ("a", "bb", "ccc", "dddd")]
    others = [f"write a poem, {word * 16}" for word in "xyz"]
    await answers_of(engine, [triage[0], others[0], triage[1], others[1], triage[2], others[2], triage[3]])
    first_family = next(batch for batch in engine.batches if triage[0] in batch)
    assert sorted(first_family) == sorted(triage)
