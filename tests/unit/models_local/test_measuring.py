"""Models that measure, tiny ones with random weights: each figure against the plain computation of a text alone."""

import asyncio
import json
import math
import warnings

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    LlamaConfig,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
)

from promptship.errors import ModelError, UsageError
from promptship.models import VectorCache
from promptship.models.local import (
    _instruments,
    _measuring,
    open_classifier,
    open_embedder,
    open_language_model,
    open_token_matcher,
    snapshot_of,
)

WORDS = [
    "the",
    "parcel",
    "left",
    "on",
    "monday",
    "it",
    "weighs",
    "two",
    "kilograms",
    "and",
    "a",
    "mountain",
    "is",
    "red",
]
TEXTS = ["the parcel left on monday", "it weighs two kilograms and the mountain is green", "red", "a a a a a a a a a"]
PAIRS = [("the parcel left on monday", "it left"), ("it weighs two kilograms", "a mountain is red and green")]


def make_tokenizer(folder):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    vocab = {word: index for index, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=32, **names)
    fast.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
    fast.save_pretrained(folder)
    return len(vocab)


def make_bert(folder, kind=BertForSequenceClassification, **options):
    size = make_tokenizer(folder)
    torch.manual_seed(3)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = BertConfig(vocab_size=size, max_position_embeddings=32, initializer_range=0.6, **sizes, **options)
    kind(config).eval().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def nli(tmp_path_factory):
    labels = {0: "contradiction", 1: "entailment", 2: "neutral"}
    return make_bert(
        tmp_path_factory.mktemp("nli"), num_labels=3, id2label=labels, label2id={v: k for k, v in labels.items()}
    )


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return make_bert(tmp_path_factory.mktemp("encoder"), BertModel)


@pytest.fixture(scope="module")
def embedder_folder(tmp_path_factory, encoder):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    folder = tmp_path_factory.mktemp("embedder")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        transformer = Transformer(str(encoder))
        SentenceTransformer(modules=[transformer, Pooling(16), Normalize()], device="cpu").save(str(folder))
    return folder


def alone(folder, kind, *texts):
    """Run a model on one text or pair, with nothing beside it."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), kind.from_pretrained(folder).eval()
    with torch.inference_mode():
        return model(**tokenizer(*texts, return_tensors="pt"), output_hidden_states=True)


async def test_a_cross_encoder_gives_pairs_the_probabilities_that_each_has_alone(nli, tmp_path):
    model = open_classifier(str(nli), cache_dir=tmp_path)
    assert model.labels == ("contradiction", "entailment", "neutral")
    found = await asyncio.gather(model.classify(PAIRS), model.classify([(TEXTS[0], None)]))
    for pair, row in zip(PAIRS, found[0], strict=True):
        expected = alone(nli, BertForSequenceClassification, *pair).logits.softmax(-1)[0].tolist()
        assert list(row.values()) == pytest.approx(expected, abs=1e-5)
        assert tuple(row) == model.labels
    expected = alone(nli, BertForSequenceClassification, TEXTS[0]).logits.softmax(-1)[0].tolist()
    assert list(found[1][0].values()) == pytest.approx(expected, abs=1e-5)


async def test_labels_that_do_not_exclude_each_other_have_a_probability_each(tmp_path):
    folder = make_bert(tmp_path, num_labels=3, problem_type="multi_label_classification")
    (row,) = await open_classifier(str(folder), cache_dir=tmp_path).classify([(TEXTS[0], None)])
    logits = alone(folder, BertForSequenceClassification, TEXTS[0]).logits[0]
    assert list(row.values()) == pytest.approx(logits.sigmoid().tolist(), abs=1e-5)


async def test_a_model_of_one_output_gives_it_as_it_is(tmp_path):
    folder = make_bert(tmp_path, num_labels=1)
    (row,) = await open_classifier(str(folder), cache_dir=tmp_path).classify([PAIRS[0]])
    logit = float(alone(folder, BertForSequenceClassification, *PAIRS[0]).logits)
    assert list(row.values()) == pytest.approx([logit], abs=1e-5)


async def test_a_reward_model_with_a_chat_template_reads_a_conversation(tiny_folder, tmp_path):
    torch.manual_seed(5)
    config = LlamaConfig.from_pretrained(tiny_folder, num_labels=1)
    LlamaForSequenceClassification(config).save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    tokenizer.save_pretrained(tmp_path)
    pairs = [("yes", "the quick brown fox jumps"), ("where is the parcel", "no")]
    rows = await open_classifier(str(tmp_path), cache_dir=tmp_path).classify(pairs)

    model = LlamaForSequenceClassification.from_pretrained(tmp_path, dtype=torch.float32).eval()
    for (question, answer), row in zip(pairs, rows, strict=True):
        ids = tokenizer(f"<|user|>{question}<|end|><|assistant|>{answer}<|end|>", return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            assert next(iter(row.values())) == pytest.approx(float(model(ids[:1]).logits), abs=1e-4)


async def test_texts_have_the_vectors_that_sentence_transformers_gives_them(embedder_folder, tmp_path):
    from sentence_transformers import SentenceTransformer

    vectors = await open_embedder(str(embedder_folder), cache_dir=tmp_path).embed([*TEXTS, TEXTS[0]])
    expected = SentenceTransformer(str(embedder_folder), device="cpu").encode(TEXTS)
    assert vectors.shape == (5, 16)
    np.testing.assert_allclose(vectors[:4], expected, atol=1e-6)
    np.testing.assert_array_equal(vectors[4], vectors[0])


async def test_known_vectors_are_not_computed_again_not_even_by_another_process(embedder_folder, tmp_path, monkeypatch):
    cache = VectorCache(tmp_path / "vectors.db")
    first = await open_embedder(str(embedder_folder), cache_dir=tmp_path, vectors=cache).embed(TEXTS)
    cache.close()

    def refuse(_):
        raise AssertionError("computed again")

    monkeypatch.setattr(_instruments, "_BATCHES", {})
    monkeypatch.setattr(_instruments, "load_embedder", refuse)
    refuse.__name__ = "load_embedder"
    again = VectorCache(tmp_path / "vectors.db")
    found = await open_embedder(str(embedder_folder), cache_dir=tmp_path, vectors=again).embed(TEXTS)
    np.testing.assert_array_equal(found, first)
    with pytest.raises(ModelError, match="computed again"):
        await open_embedder(str(embedder_folder), cache_dir=tmp_path, vectors=again).embed(["monday"])
    again.close()


async def test_a_text_that_comes_with_every_case_is_computed_once(embedder_folder, tmp_path, monkeypatch):
    computed = []

    def counted(folder):
        run = _measuring.load_embedder(folder)

        def remember(texts):
            computed.extend(texts)
            return run(texts)

        return remember

    counted.__name__ = "load_embedder"
    monkeypatch.setattr(_instruments, "_BATCHES", {})
    monkeypatch.setattr(_instruments, "_MOST_RECENT", 6)
    monkeypatch.setattr(_instruments, "load_embedder", counted)
    embedder = open_embedder(str(embedder_folder), cache_dir=tmp_path)
    rows = [await embedder.embed([word, "monday"]) for word in WORDS[:4]]
    assert computed.count("monday") == 1
    assert all((row[1] == rows[0][1]).all() for row in rows)
    for word in WORDS:
        await embedder.embed([word])
    assert len(embedder._recent) <= 6 + 1


async def test_tokens_are_matched_with_the_likest_of_the_other_text(encoder, tmp_path):
    """Source: the formulas of Zhang et al. (2020), BERTScore, computed here one pair at a time."""
    matcher = open_token_matcher(str(encoder), cache_dir=tmp_path)
    found = await matcher.match([*PAIRS, ("red", "red"), ("", "red")])
    for (one, other), match in zip(PAIRS, found[:2], strict=True):
        rows = [
            torch.nn.functional.normalize(alone(encoder, BertModel, text).hidden_states[2][0], dim=-1)
            for text in (one, other)
        ]
        near = rows[0] @ rows[1].T
        precision, recall = near.max(1).values[1:-1].mean(), near.max(0).values[1:-1].mean()
        expected = (float(precision), float(recall), float(2 * precision * recall / (precision + recall)))
        assert (match.precision, match.recall, match.f1) == pytest.approx(expected, abs=1e-5)
    assert found[2].f1 == pytest.approx(1.0)
    assert found[3].f1 == 0.0
    assert matcher.identity.endswith("-L2")


def test_the_layer_is_the_published_one_where_there_is_one():
    """Source: bert_score 0.3.13, utils.model2layers."""
    layers = {("roberta", 24): 17, ("bert", 12): 9, ("bert", 6): 6, ("deberta", 12): 12}
    found = {
        (kind, depth): _measuring.best_layer(type("C", (), {"model_type": kind, "num_hidden_layers": depth}))
        for kind, depth in layers
    }
    assert found == layers


async def test_texts_have_the_likelihood_that_each_has_alone(tiny_folder, tmp_path):
    texts = ["the quick brown fox", "refund delivery invoice return", "yes", "", "no maybe one two three four"]
    found = await open_language_model(str(tiny_folder), cache_dir=tmp_path).likelihood(texts)
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    model = AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32).eval()
    for text, rated in zip(texts, found, strict=True):
        ids = tokenizer(text, return_tensors="pt")["input_ids"].long()
        assert rated.tokens == max(0, ids.shape[1] - 1)
        if rated.tokens:
            with torch.inference_mode():
                loss = float(model(ids, labels=ids).loss)
            assert rated.logprob == pytest.approx(-loss * rated.tokens, rel=1e-4)
        else:
            assert rated.logprob == 0.0


@pytest.mark.parametrize(("length", "longest"), [(1, 8), (8, 8), (9, 8), (12, 8), (13, 8), (31, 8), (0, 8)])
def test_windows_rate_each_token_after_the_first_once(length, longest):
    ids = list(range(length))
    rated = [token for window, new in _measuring._windows(ids, longest) for token in window[len(window) - new :]]
    assert rated == ids[1:]
    assert all(len(window) <= longest for window, _ in _measuring._windows(ids, longest))


async def test_a_text_longer_than_the_model_reads_is_rated_whole(tiny_folder, tmp_path):
    text = "parcel " * 400
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    (rated,) = await open_language_model(str(tiny_folder), cache_dir=tmp_path).likelihood([text])
    assert rated.tokens == len(tokenizer(text)["input_ids"]) - 1 > 256
    assert math.isfinite(rated.logprob)


async def test_all_who_open_a_model_share_one(nli, tmp_path, monkeypatch):
    loads = []

    def load_classifier(folder):
        loads.append(folder)
        return lambda items: [{"a": float(len(items))} for _ in items]

    monkeypatch.setattr(_instruments, "_BATCHES", {})
    monkeypatch.setattr(_instruments, "load_classifier", load_classifier)
    models = [open_classifier(str(nli), cache_dir=tmp_path) for _ in range(3)]
    found = await asyncio.gather(*(model.classify([("x", None)]) for model in models))
    assert len(loads) == 1
    assert found == [[{"a": 3.0}]] * 3


async def test_half_a_surrogate_pair_is_measured_as_a_question_mark(
    nli, encoder, embedder_folder, tiny_folder, tmp_path
):
    half, mark = "the parcel \ud800", "the parcel ?"

    vectors = await open_embedder(str(embedder_folder), cache_dir=tmp_path).embed([half, mark])
    rows = await open_classifier(str(nli), cache_dir=tmp_path).classify([(half, mark), (mark, half), (half, None)])
    matches = await open_token_matcher(str(encoder), cache_dir=tmp_path).match([(half, "red"), (mark, "red")])
    rated = await open_language_model(str(tiny_folder), cache_dir=tmp_path).likelihood([half, mark])

    assert vectors[0] == pytest.approx(vectors[1], abs=1e-6)
    assert rows[0] == pytest.approx(rows[1])
    assert matches[0] == matches[1]
    assert rated[0].logprob == pytest.approx(rated[1].logprob)


def test_an_identity_follows_the_weights_and_not_the_place(nli, tmp_path):
    import shutil

    moved = shutil.copytree(nli, tmp_path / "moved")
    first = open_classifier(str(nli), cache_dir=tmp_path).identity
    assert open_classifier(str(moved), cache_dir=tmp_path).identity == first
    weights = bytearray((moved / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (moved / "model.safetensors").write_bytes(bytes(weights))
    assert open_classifier(str(moved), cache_dir=tmp_path).identity != first


def test_weights_of_a_folder_have_a_snapshot_and_names_speak_for_themselves(nli, tmp_path):
    known = snapshot_of(f"local/{nli}", cache_dir=tmp_path)
    assert known.startswith("sha256:")
    for name in ("local/smollm2-135m-instruct", "local/owner/name", "local/models/of/none"):
        assert snapshot_of(name, cache_dir=tmp_path) == ""


def test_a_model_that_cannot_be_fetched_is_told_at_once_with_what_to_place_where(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UsageError, match=r"cross-encoder/nli-deberta-v3-base.*HF_HUB_OFFLINE") as caught:
        open_classifier("cross-encoder/nli-deberta-v3-base", cache_dir=tmp_path)
    assert "config.json" in caught.value.hint
    assert "safetensors" in caught.value.hint
    assert "model:" in caught.value.hint


async def test_weights_that_are_code_are_refused(nli, tmp_path):
    config = json.loads((nli / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config))
    for path in nli.glob("token*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    model = BertForSequenceClassification.from_pretrained(nli)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="safetensors"):
        await open_classifier(str(tmp_path), cache_dir=tmp_path).classify([("x", None)])
