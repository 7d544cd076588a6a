import json
import warnings
from pathlib import Path

import pytest

from promptship.domain import CompletionRequest, Message, ModelConfig
from promptship.models.local import open_local

TEXT = (
    "the quick brown fox jumps over the lazy dog and asks where the parcel is; refund delivery invoice return repair "
    "Message: Intent: user assistant system yes no maybe one two three four five six seven eight nine ten"
)
CHAT = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """A llama of 2 layers with random weights and a tokenizer trained on one sentence."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator([TEXT], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|end|>")
    fast.chat_template = CHAT
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(7)
        config = LlamaConfig(
            vocab_size=len(fast),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=256,
            eos_token_id=0,
            bos_token_id=0,
            pad_token_id=0,
            initializer_range=0.3,
        )
        LlamaForCausalLM(config).save_pretrained(folder)
        fast.save_pretrained(folder)
    assert json.loads((folder / "config.json").read_text())["model_type"] == "llama"
    return folder


@pytest.fixture
def tiny(tiny_folder, tmp_path):
    """Opens the tiny model with any params."""
    return open_local(ModelConfig(name="tiny", model=f"local/{tiny_folder}"), cache_dir=Path(tmp_path))


@pytest.fixture
def ask():
    def build(text, *, repeat=0, choices=(), prior=None, **params):
        return CompletionRequest(
            messages=(Message(role="user", content=text),),
            params={"temperature": 0, "max_tokens": 12, **params},
            choices=choices,
            prior=prior or {},
            repeat=repeat,
        )

    return build
