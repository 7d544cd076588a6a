"""The models that measure, each as a function from a batch to figures. They run in one thread each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from promptship.domain import TextLikelihood, TokenMatch
from promptship.models.local._convert import quiet_transformers
from promptship.models.local._weights import choose_device, load_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    Pair = tuple[str, str | None]
    Batch = Callable[[Sequence[Any]], Sequence[Any]]

__all__ = [
    "best_layer",
    "load_classifier",
    "load_embedder",
    "load_likelihood",
    "load_token_matcher",
    "read_config",
    "read_labels",
]

_LONGEST_TOKENS: Final = 1_024
# Logits take 200 kB a token of a vocabulary of 50,000: so many tokens take 400 MB.
_MOST_RATED_TOKENS: Final = 2_048
# Never code that came with the weights.
_SAFELY: Final[Mapping[str, Any]] = {"local_files_only": True, "trust_remote_code": False}
_BEST_LAYERS: Final = {
    ("bert", 12): 9,
    ("bert", 24): 18,
    ("roberta", 12): 10,
    ("roberta", 24): 17,
    ("distilbert", 6): 5,
    ("xlm-roberta", 12): 9,
    ("xlm-roberta", 24): 17,
}


def load_embedder(folder: Path) -> Callable[[Sequence[str]], Sequence[NDArray[np.float32]]]:
    """Load a sentence-transformers model: one vector per text."""
    from sentence_transformers import SentenceTransformer

    device = choose_device()
    with quiet_transformers():
        model = SentenceTransformer(
            str(folder),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": "float32"},
        )

    def run(texts: Sequence[str]) -> Sequence[NDArray[np.float32]]:
        found = model.encode(
            list(map(_legible, texts)), batch_size=len(texts), show_progress_bar=False, convert_to_numpy=True
        )
        return list(found)

    return run


def _legible(text: str) -> str:
    """Return a text that a tokenizer can read: half of a surrogate pair, which a model may write, becomes `?`."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def load_token_matcher(folder: Path) -> Callable[[Sequence[tuple[str, str]]], Sequence[TokenMatch]]:
    """Load an encoder that matches the tokens of two texts greedily, each with the likest of the other.

    Source:
        Zhang, Kishore, Wu, Weinberger and Artzi (2020), BERTScore: Evaluating Text Generation with BERT, ICLR; without
        idf weights and without rescaling. As in the authors' package, tokens that frame a text count for nothing
        themselves, but may be what another token is likest to.
    """
    import torch
    from transformers import AutoModel

    tokenizer, model = _load(folder, AutoModel)
    layer, longest = best_layer(model.config), _longest_of(tokenizer, model.config)

    def run(pairs: Sequence[tuple[str, str]]) -> Sequence[TokenMatch]:
        pairs = [(_legible(one), _legible(other)) for one, other in pairs]
        texts = list(dict.fromkeys(text.strip() for pair in pairs for text in pair))
        encoded = tokenizer(
            texts,
            padding=True,
            truncation=True,
            max_length=longest,
            return_special_tokens_mask=True,
            return_tensors="pt",
        )
        framing = encoded.pop("special_tokens_mask").bool()
        encoded = encoded.to(model.device)
        with torch.inference_mode():
            hidden = model(**encoded, output_hidden_states=True).hidden_states[layer].float()
        vectors = torch.nn.functional.normalize(hidden, dim=-1)
        lengths = encoded["attention_mask"].sum(1).tolist()
        rows = {
            text: (vectors[at, :length], ~framing[at, :length].to(vectors.device))
            for at, (text, length) in enumerate(zip(texts, lengths, strict=True))
        }
        return [_match(rows[one.strip()], rows[other.strip()]) for one, other in pairs]

    return run


def _match(candidate: tuple[Tensor, Tensor], reference: tuple[Tensor, Tensor]) -> TokenMatch:
    (own, says), (other, expects) = candidate, reference
    if not (bool(says.any()) and bool(expects.any())):
        return TokenMatch(precision=0.0, recall=0.0, f1=0.0)
    near = own @ other.T
    precision = float(near.amax(1)[says].mean())
    recall = float(near.amax(0)[expects].mean())
    both = precision + recall
    return TokenMatch(precision=precision, recall=recall, f1=2 * precision * recall / both if both else 0.0)


def best_layer(config: Any) -> int:
    """Return the layer whose vectors agree best with people, or the last of a model that was not examined.

    Source:
        `bert_score.utils.model2layers` of version 0.3.13: tuned on WMT16, for models by their family and depth.
    """
    depth = int(config.num_hidden_layers)
    return _BEST_LAYERS.get((config.model_type, depth), depth)


def load_classifier(folder: Path) -> Callable[[Sequence[Pair]], Sequence[Mapping[str, float]]]:
    """Load a sequence classifier: the probability of each label, or the bare figure of a model of one output."""
    import torch
    from transformers import AutoModelForSequenceClassification

    tokenizer, model = _load(folder, AutoModelForSequenceClassification)
    labels, longest = read_labels(model.config), _longest_of(tokenizer, model.config)
    _agree_on_padding(tokenizer, model.config)
    is_chat = len(labels) == 1 and bool(getattr(tokenizer, "chat_template", None))

    def classify(firsts: list[str], seconds: list[str] | None, *, framed: bool = True) -> list[Mapping[str, float]]:
        encoded = tokenizer(
            firsts,
            seconds,
            padding=True,
            truncation=True,
            max_length=longest,
            add_special_tokens=framed,
            return_tensors="pt",
        )
        with torch.inference_mode():
            logits = model(**encoded.to(model.device)).logits.float()
        return [dict(zip(labels, row, strict=True)) for row in _figures(logits, model.config).tolist()]

    def classify_pairs(pairs: list[tuple[str, str]]) -> list[Mapping[str, float]]:
        if is_chat:
            # Reward models made of chat models read a conversation; its template brings its own framing tokens.
            return classify([_as_chat(tokenizer, *pair) for pair in pairs], None, framed=False)
        return classify([one for one, _ in pairs], [two for _, two in pairs])

    def run(items: Sequence[Pair]) -> Sequence[Mapping[str, float]]:
        # A tokenizer takes texts or pairs, never both in one batch.
        texts = [_legible(one) for one, two in items if two is None]
        pairs = [(_legible(one), _legible(two)) for one, two in items if two is not None]
        of_texts = iter(classify(texts, None) if texts else [])
        of_pairs = iter(classify_pairs(pairs) if pairs else [])
        return [next(of_texts if two is None else of_pairs) for _, two in items]

    return run


def _agree_on_padding(tokenizer: Any, config: Any) -> None:
    """Pad with the token by which a decoder finds where its texts end."""
    known = getattr(config, "pad_token_id", None)
    if known is None:
        config.pad_token_id = tokenizer.pad_token_id
    else:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(known)


def _figures(logits: Tensor, config: Any) -> Tensor:
    """Turn logits into figures as the model's config says: of one output raw, of several labels together or each."""
    if logits.shape[1] == 1:
        return logits
    independent = getattr(config, "problem_type", None) == "multi_label_classification"
    return logits.sigmoid() if independent else logits.softmax(-1)


def _as_chat(tokenizer: Any, question: str, answer: str) -> str:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return str(tokenizer.apply_chat_template(messages, tokenize=False))


def load_likelihood(folder: Path) -> Callable[[Sequence[str]], Sequence[TextLikelihood]]:
    """Load a causal language model, the same weights that answer if it answers too: each text's log-probability."""
    import torch
    from transformers import AutoTokenizer

    with quiet_transformers():
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, **_SAFELY)
    model = load_weights(folder, "float32")
    longest = _longest_of(tokenizer, model.config)

    def run(texts: Sequence[str]) -> Sequence[TextLikelihood]:
        sums, counts = [0.0] * len(texts), [0] * len(texts)
        windows = [
            (at, ids, unread)
            for at, row in enumerate(tokenizer(list(map(_legible, texts)))["input_ids"])
            for ids, unread in _windows(row, longest)
        ]
        for group in _groups(windows):
            with torch.inference_mode():
                rated = _rate(model, [ids for _, ids, _ in group])
            for (at, ids, unread), row in zip(group, rated, strict=True):
                sums[at] += float(row[len(ids) - 1 - unread : len(ids) - 1].sum())
                counts[at] += unread
        return [TextLikelihood(logprob=one, tokens=count) for one, count in zip(sums, counts, strict=True)]

    return run


def _windows(ids: Sequence[int], longest: int) -> Iterable[tuple[Sequence[int], int]]:
    """Cut a text that is too long into windows that overlap by half, and say how many last tokens of each are new."""
    yield ids[:longest], max(0, min(len(ids), longest) - 1)
    step = longest // 2
    for end in range(longest + step, len(ids) + step, step):
        yield ids[end - longest : end], min(step, len(ids) - end + step)


def _groups(windows: Sequence[tuple[int, Sequence[int], int]]) -> Iterable[Sequence[tuple[int, Sequence[int], int]]]:
    """Put windows of like length together, no more in one batch than memory holds the logits of."""
    group: list[tuple[int, Sequence[int], int]] = []
    for window in sorted((one for one in windows if one[2]), key=lambda one: -len(one[1])):
        if group and (len(group) + 1) * len(group[0][1]) > _MOST_RATED_TOKENS:
            yield group
            group = []
        group.append(window)
    if group:
        yield group


def _rate(model: Any, rows: Sequence[Sequence[int]]) -> Tensor:
    """Return the log-probability of each token after the first, padded on the right; shape (rows, tokens - 1)."""
    import torch

    width = max(map(len, rows))
    ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], device=model.device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows], device=model.device)
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float()
    chosen: Tensor = logits.gather(-1, ids[:, 1:, None]).squeeze(-1)
    return chosen - logits.logsumexp(-1)


def read_config(folder: Path) -> Any:
    """Read a model's config; its weights are left alone."""
    from transformers import AutoConfig

    with quiet_transformers():
        return AutoConfig.from_pretrained(folder, **_SAFELY)


def read_labels(config: Any) -> tuple[str, ...]:
    """Return a classifier's labels in the order of its outputs."""
    return tuple(str(config.id2label[index]) for index in range(config.num_labels))


def _load(folder: Path, model_class: Any) -> tuple[Any, Any]:
    import torch
    from transformers import AutoTokenizer

    with quiet_transformers():
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, **_SAFELY)
        # Never weights that are code, either.
        model = model_class.from_pretrained(folder, **_SAFELY, use_safetensors=True, dtype=torch.float32)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer, model.to(choose_device()).eval()


def _longest_of(tokenizer: Any, config: Any) -> int:
    known = [tokenizer.model_max_length, getattr(config, "max_position_embeddings", None), _LONGEST_TOKENS]
    return min(one for one in known if isinstance(one, int) and one > 0)
