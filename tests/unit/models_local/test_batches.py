"""Items of all callers in shared batches, and what becomes of errors."""

import asyncio
import random
import threading

import pytest

from promptship.errors import ModelError
from promptship.models.local._batches import Batcher


def make(log, *, most_rows=4):
    def load():
        def run(items):
            log.append(list(items))
            if "bad" in items:
                raise RuntimeError("broken weights")
            return [item.upper() for item in items]

        return run

    return Batcher(load, size_of=len, most_rows=most_rows)


def test_callers_share_batches_and_each_gets_its_own_in_order():
    log = []
    batcher = make(log)

    async def work():
        return await asyncio.gather(*(batcher.run([f"a{n}", "b" * n]) for n in range(1, 7)))

    assert asyncio.run(work()) == [[f"A{n}", "B" * n] for n in range(1, 7)]
    assert len(log) == 3
    assert max(map(len, log)) == 4
    # Neighbours in length share a batch, the longest first.
    assert log[0] == ["b" * n for n in (3, 4, 5, 6)]


def test_nothing_asked_is_nothing_run():
    log = []
    assert asyncio.run(make(log).run([])) == []
    assert log == []


def test_an_item_that_cannot_be_run_costs_its_neighbours_nothing():
    batcher = make([], most_rows=8)

    async def work():
        asked = [batcher.run([text]) for text in ("a", "bad", "c", "d", "e")]
        return await asyncio.gather(*asked, return_exceptions=True)

    found = asyncio.run(work())
    assert [one for one in found if not isinstance(one, ModelError)] == [["A"], ["C"], ["D"], ["E"]]
    assert isinstance(found[1], ModelError)


def test_a_batch_that_is_too_much_at_once_is_halved():
    sizes = []

    def load():
        def run(items):
            sizes.append(len(items))
            if len(items) > 2:
                raise RuntimeError("CUDA out of memory")
            return items

        return run

    assert asyncio.run(Batcher(load, size_of=len, most_rows=8).run(list("abcdefgh"))) == list("abcdefgh")
    assert max(sizes) == 8
    assert sizes.count(2) == 4


def test_an_error_is_told_to_whoever_asked_and_the_next_is_answered():
    batcher = make([])

    async def work():
        with pytest.raises(ModelError, match="RuntimeError: broken weights"):
            await batcher.run(["bad"])
        return await batcher.run(["good"])

    assert asyncio.run(work()) == ["GOOD"]


def test_a_model_that_cannot_be_loaded_is_tried_again():
    tries = []

    def load():
        tries.append(1)
        if len(tries) == 1:
            raise ModelError("no weights here")
        return list

    batcher = Batcher(load, size_of=len)

    async def work():
        with pytest.raises(ModelError, match="no weights"):
            await batcher.run(["x"])
        return await batcher.run(["x"])

    assert asyncio.run(work()) == ["x"]


def test_two_event_loops_share_a_model():
    log = []
    batcher = make(log)
    found = {}

    def work(name):
        found[name] = asyncio.run(batcher.run([name]))

    threads = [threading.Thread(target=work, args=(name,)) for name in ("x", "y")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {"x": ["X"], "y": ["Y"]}


def test_a_caller_that_gave_up_is_not_waited_for():
    log = []
    batcher = make(log)

    async def work():
        task = asyncio.create_task(batcher.run(["slow"]))
        await asyncio.sleep(0)
        task.cancel()
        return await batcher.run(["quick"])

    assert asyncio.run(work()) == ["QUICK"]


def test_items_that_keep_coming_share_batches_with_their_like():
    log = []
    batcher = make(log, most_rows=32)
    random_ = random.Random(1)  # noqa: S311 - lengths, not secrets
    texts = ["x" * random_.randint(4, 40) for _ in range(1500)]
    todo = iter(texts)

    async def work():
        for text in todo:
            await batcher.run([text])

    async def all_at_once():
        await asyncio.gather(*(work() for _ in range(128)))

    asyncio.run(all_at_once())
    assert sum(map(len, log)) == len(texts)
    padded = sum(len(batch) * max(map(len, batch)) for batch in log)
    # Always taking the longest of all that waits pads to 1.6 times what is there.
    assert padded < 1.3 * sum(map(len, texts))


def test_a_batch_ends_where_items_are_much_shorter():
    log = []
    texts = ["x" * 100] * 17 + ["x" * 10] * 17
    asyncio.run(make(log, most_rows=64).run(texts))
    assert [[len(text) for text in batch] for batch in log] == [[100] * 17, [10] * 17]
