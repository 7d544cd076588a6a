"""A rubric of several criteria, over a real connection, keeps the judge as busy as its config allows."""

from __future__ import annotations

import asyncio
import json
import math
from typing import TYPE_CHECKING, Any

import pytest

import promptship

if TYPE_CHECKING:
    from pathlib import Path

CASES = 30
CRITERIA = ("Names a sum.", "Names a day.", "Is kind.", "Is brief.", "Is true.", "Is German.")
CONCURRENCY = 8
PATIENCE_S = 30
ANSWER = json.dumps({"evidence": ["30 EUR"], "rationale": "So it is. Hence yes.", "verdict": "yes"})
BROKEN = '{"verdict": "yes"'


class FullHouse:
    """Answers only when as many calls wait as may be in flight, or as many as are left: fewer wait in vain."""

    def __init__(self, calls: int, places: int) -> None:
        self.left, self.places = calls, places
        self.waiting = self.rounds = 0
        self._open = asyncio.Event()

    async def enter(self) -> None:
        self.waiting += 1
        mine = self._open
        if self.waiting == min(self.places, self.left):
            self.left -= self.waiting
            self.waiting = 0
            self.rounds += 1
            self._open = asyncio.Event()
            mine.set()
        await asyncio.wait_for(mine.wait(), PATIENCE_S)


@pytest.fixture
def project(tmp_path: Path, server: Any) -> Path:
    limits = {"concurrency": CONCURRENCY, "retries": 0}
    judge = {"model": "openai/judge", "base_url": server.url, "limits": limits}
    evalset = {
        "target": {"outputs": "outputs.jsonl"},
        "scorers": [{"type": "llm-rubric", "judge": "judge", "value": list(CRITERIA)}],
        "cases": [{"id": str(number), "inputs": {"mail": f"Where is {number}?"}} for number in range(CASES)],
    }
    outputs = [{"id": str(number), "text": f"You get 30 EUR for {number}."} for number in range(CASES)]
    files = {
        "promptship.toml": "",
        "prompts/models.yaml": json.dumps({"judge": judge}),
        "evalsets/rubric.yaml": json.dumps(evalset),
        "evalsets/outputs.jsonl": "".join(json.dumps(row) + "\n" for row in outputs),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def answer(text: str) -> bytes:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "served", "choices": [choice]}
    payload = json.dumps(body).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(payload) + payload


async def test_six_criteria_keep_the_configured_concurrency_full(project, server):
    calls = CASES * len(CRITERIA)
    house = FullHouse(calls, CONCURRENCY)

    async def reply(_: Any) -> bytes:
        await house.enter()
        return answer(ANSWER)

    server.reply = reply

    run = await promptship.aevaluate("rubric", project=project)

    assert run.summary.overall.totals.passed == CASES
    assert len(server.received) == calls
    assert house.rounds == math.ceil(calls / CONCURRENCY)


async def test_a_verdict_that_is_no_json_is_asked_for_again_with_what_was_wrong(project, server):
    server.reply = lambda received: answer(ANSWER if len(received.json["messages"]) > 2 else BROKEN)

    run = await promptship.aevaluate("rubric", project=project, limit=1)

    first, second = (
        next(one.json for one in server.received if len(one.json["messages"]) == count) for count in (2, 4)
    )
    assert run.summary.overall.totals.passed == 1
    assert len(server.received) == 2 * len(CRITERIA)
    assert first["response_format"] == second["response_format"]
    assert first["response_format"]["json_schema"]["schema"]["required"] == ["evidence", "rationale", "verdict"]
    assert second["messages"][2] == {"role": "assistant", "content": BROKEN}
    assert "was not one whole JSON object" in second["messages"][3]["content"]
