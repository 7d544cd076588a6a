"""The floor: asyncio, aiohttp and the four checks, no framework. Reads workload.json, prints passed and failed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import aiohttp


def distance(left: str, right: str) -> int:
    """Levenshtein distance, the plain two-row form."""
    if left == right:
        return 0
    before = list(range(len(right) + 1))
    for row, one in enumerate(left, 1):
        now = [row]
        for column, other in enumerate(right, 1):
            now.append(min(before[column] + 1, now[-1] + 1, before[column - 1] + (one != other)))
        before = now
    return before[-1]


def is_json(text: str) -> bool:
    """Whether the text parses."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


async def call_all(workload: dict[str, Any]) -> list[dict[str, Any]]:
    """Call and check every case."""
    pattern = re.compile(workload["regex"])
    url = os.environ["BASE_URL"] + "/chat/completions"
    gate = asyncio.Semaphore(workload["in_flight"])
    rows: list[dict[str, Any]] = []

    async def one(case: dict[str, str], session: aiohttp.ClientSession) -> None:
        body = {"model": "mock", "messages": [{"role": "user", "content": workload["template"].format(**case)}]}
        async with gate, session.post(url, json=body) as answer:
            text = (await answer.json())["choices"][0]["message"]["content"]
        checks = (case["contains"] in text, pattern.search(text), is_json(text), distance(text, case["expected"]) <= 5)
        rows.append({"case": case["case_id"], "text": text, "passed": all(checks)})

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(one(case, session) for case in workload["cases"]))
    return rows


def main() -> None:
    """Call, check, count."""
    rows = asyncio.run(call_all(json.loads(Path("workload.json").read_text())))
    Path("out.json").write_text(json.dumps(rows))
    passed = sum(row["passed"] for row in rows)
    sys.stdout.write(json.dumps({"passed": passed, "failed": len(rows) - passed}) + "\n")


main()
