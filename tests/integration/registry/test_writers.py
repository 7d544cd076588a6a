"""Processes that write at once, and are killed; `benchmarks/registry_concurrency.py` does it for longer."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from promptship.registry import Registry

WRITER = textwrap.dedent("""
    import json, random, sys, time
    from promptship.domain import Actor, ModelConfig, PromptVersion
    from promptship.errors import ReferenceNotFoundError
    from promptship.prompts import build_closure, parse_prompt
    from promptship.registry import Registry

    address, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    draw, actor = random.Random(seed), Actor(name=f"writer {seed}")
    model = ModelConfig(name="default", model="fake/echo")
    with Registry.open(address) as registry:
        for turn in range(count):
            name = draw.choice(["a", "b"])
            text = f"{seed} {turn}" if turn % 4 else f"shared {turn}"
            closure = build_closure(parse_prompt(text, path="x"), partials={}, examples=(), model=model)
            version = PromptVersion(name=name, closure=closure, origin="", label="")
            pushed = registry.push(version, actor=actor).version
            print(json.dumps([name, pushed.number, pushed.digest]), flush=True)
            registry.put_label(pushed.ref, "production", actor=actor)
            try:
                registry.roll_back(name, "production", actor=actor)
            except ReferenceNotFoundError:
                pass
""")


def start(address, seed, count):
    command = [sys.executable, "-c", WRITER, address, str(seed), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def judge(address, acknowledged):
    with Registry.open(address) as registry:
        there = {(name, one.number): one.digest for name in registry.names() for one in registry.versions(name)}
        assert registry.verify().flaws == ()
    assert {(name, number): digest for name, number, digest in acknowledged}.items() <= there.items()
    for name in {prompt for prompt, _ in there}:
        numbers = sorted(number for prompt, number in there if prompt == name)
        assert numbers == list(range(1, len(numbers) + 1))
    digests = [(prompt, digest) for (prompt, _), digest in there.items()]
    assert len(set(digests)) == len(digests)
    return there


@pytest.mark.slow
def test_writers_at_once_lose_and_repeat_nothing(database):
    started = [start(database.address, seed, 25) for seed in range(4)]
    said = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0] * 4, [errors for _, errors in said]
    acknowledged = [json.loads(line) for output, _ in said for line in output.splitlines()]
    assert len(acknowledged) == 100
    assert judge(database.address, acknowledged)


@pytest.mark.slow
def test_killed_writers_lose_nothing_that_was_acknowledged(database):
    started = [start(database.address, seed, 10_000) for seed in range(3)]
    firsts = [process.stdout.readline() for process in started]
    time.sleep(0.7)
    for process in started:
        os.kill(process.pid, signal.SIGKILL)
    # Not by communicate, which passes over what readline has read ahead.
    said = []
    for first, process in zip(firsts, started, strict=True):
        with process:
            said.append(first + process.stdout.read())
    # The last line of a killed process may be cut.
    lines = [line for output in said for line in output.splitlines() if line.endswith("]")]
    assert judge(database.address, [json.loads(line) for line in lines])
    with Registry.open(database.address) as registry:
        assert registry.put_label("a@1", "after", actor=registry.log(limit=1)[0].actor).moved
