from __future__ import annotations

import pytest
import zstandard

from promptship.domain import ModelConfig, Response
from promptship.errors import CassetteMissError, StorageError, UsageError
from promptship.models import Cassette, FakeModel, ModelHub
from promptship.models._cassette import Recording

CONFIG = ModelConfig(name="m", model="openai/gpt-4o-mini", params={"temperature": 0})


async def record(path, texts, ask, config=CONFIG, **fields):
    cassette = Cassette.record(path)
    model = Recording(
        FakeModel(lambda request: Response(text=request.messages[0].text[::-1], **fields)), cassette, config
    )
    for text in texts:
        await model.complete(ask(text, params=config.params))
    cassette.close()


def frozen(path):
    return ModelHub(endpoints={}, env={}, cassette=Cassette.frozen(path))


async def test_a_frozen_run_gives_what_was_recorded_without_key_and_network(tmp_path, ask):
    await record(tmp_path / "c" / "set.jsonl.zst", ["one", "two"], ask, cost_usd=0.5, served_model="served")
    config = CONFIG.model_copy(update={"api_key_env": "NOT_SET"})

    response = await frozen(tmp_path / "c" / "set.jsonl.zst").open(config).complete(ask("two"))

    assert (response.text, response.provenance, response.cost_usd) == ("owt", "replayed", 0.5)


async def test_a_call_that_was_not_recorded_is_a_miss(tmp_path, ask):
    await record(tmp_path / "set.jsonl.zst", ["one"], ask)
    model = frozen(tmp_path / "set.jsonl.zst").open(CONFIG)

    for request in (ask("two"), ask("one", repeat=1), ask("one", params={"temperature": 1})):
        with pytest.raises(CassetteMissError, match=r"set\.jsonl\.zst") as raised:
            await model.complete(request)
        assert raised.value.exit_code == 3


async def test_equal_answers_make_equal_bytes_in_any_order(tmp_path, ask):
    await record(tmp_path / "a.zst", ["one", "two", "three"], ask, latency_s=1.0)
    await record(tmp_path / "b.zst", ["three", "one", "two"], ask, latency_s=2.0, attempts=3)

    assert (tmp_path / "a.zst").read_bytes() == (tmp_path / "b.zst").read_bytes()


async def test_it_holds_neither_prompts_nor_addresses(tmp_path, ask):
    config = CONFIG.model_copy(update={"base_url": "http://127.0.0.1:5/v1", "api_key_env": "MY_KEY"})
    await record(tmp_path / "set.zst", ["a customer's words"], ask, config)

    text = zstandard.ZstdDecompressor().stream_reader((tmp_path / "set.zst").read_bytes()).read().decode()

    assert "sdrow" in text
    for hidden in ("customer's words", "127.0.0.1", "MY_KEY"):
        assert hidden not in text


async def test_a_recording_replaces_the_file_only_when_it_is_closed(tmp_path, ask):
    path = tmp_path / "set.zst"
    await record(path, ["one"], ask)
    before = path.read_bytes()
    cassette = Cassette.record(path)
    await Recording(FakeModel(["x"]), cassette, CONFIG).complete(ask("new"))

    assert path.read_bytes() == before
    cassette.discard()
    cassette.close()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


async def test_an_earlier_recording_can_be_kept(tmp_path, ask):
    path = tmp_path / "set.zst"
    await record(path, ["one"], ask)
    cassette = Cassette.record(path, keep=True)
    await Recording(FakeModel(["x"]), cassette, CONFIG).complete(ask("new", params=CONFIG.params))
    cassette.close()

    assert len(Cassette.frozen(path)) == 2


def test_no_file_is_a_miss_with_the_command_that_makes_one(tmp_path):
    with pytest.raises(CassetteMissError, match="there is no cassette") as raised:
        Cassette.frozen(tmp_path / "set.zst")

    assert "--record" in str(raised.value.hint)


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"no json\n",
        b'{"promptship": 2, "kind": "cassette"}\n',
        b'{"promptship":1,"kind":"cassette"}\n[]\n',
        b'{"promptship":1,"kind":"cassette"}\n{"key": "a"}\n',
        b'{"promptship":1,"kind":"cassette"}\n{"key": "a", "question"',
    ],
)
def test_a_damaged_file_is_a_storage_error(tmp_path, lines):
    (tmp_path / "set.zst").write_bytes(zstandard.compress(lines))

    with pytest.raises(StorageError, match="is damaged"):
        Cassette.frozen(tmp_path / "set.zst")


@pytest.mark.parametrize("cut", [0, 3, 20])
async def test_a_file_cut_short_is_a_storage_error(tmp_path, ask, cut):
    await record(tmp_path / "set.zst", ["one", "two", "three"], ask)
    whole = (tmp_path / "set.zst").read_bytes()
    (tmp_path / "set.zst").write_bytes(whole[:cut] if cut else b"plain text")

    with pytest.raises(StorageError, match="is damaged"):
        Cassette.frozen(tmp_path / "set.zst")


async def test_a_cassette_that_cannot_be_written_is_a_storage_error(tmp_path, ask):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StorageError, match="cannot write the cassette"):
        await record(tmp_path / "file" / "set.zst", ["one"], ask)


class TestReplayProvider:
    def open(self, path, query=""):
        return ModelHub(endpoints={}, env={}).open(ModelConfig(name="r", model=f"replay/{path}{query}"))

    async def test_it_answers_whatever_the_params(self, tmp_path, ask):
        await record(tmp_path / "set.zst", ["one"], ask)

        response = await self.open(tmp_path / "set.zst").complete(ask("one"))

        assert (response.text, response.provenance) == ("eno", "replayed")
        with pytest.raises(CassetteMissError):
            await self.open(tmp_path / "set.zst").complete(ask("two"))

    async def test_two_models_in_one_cassette_are_told_apart(self, tmp_path, ask):
        path = tmp_path / "set.zst"
        cassette = Cassette.record(path)
        for name in ("a", "b"):
            config = CONFIG.model_copy(update={"model": f"openai/{name}"})
            await Recording(FakeModel([f"by {name}"]), cassette, config).complete(ask())
        cassette.close()

        with pytest.raises(UsageError, match="different answers to one question"):
            self.open(path)
        assert (await self.open(path, "?model=openai/b").complete(ask())).text == "by b"
