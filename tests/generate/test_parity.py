"""Greedy text equals that of transformers' generate on the same random weights, both shapes, one by one and padded."""

import json

import pytest
import torch
from tiny_generation import random_model
from transformers import AutoModelForCausalLM

from prosa.generate.engine import Engine
from prosa.generate.sampling import Sampling
from prosa.models.huggingface import save_model, saved_tokenizer_fingerprint
from prosa.tokenizers.load import load

PROMPTS = [[1, 2, 3], [250], list(range(90, 120)), [40, 41, 42, 43, 44, 45, 46]]
TOKENS = 25


@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_greedy_text_equals_transformers(model, tokenizer, tmp_path, penalty):
    save_model(model, tmp_path, tokenizer=tokenizer)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    engine = Engine(model, tokenizer, device="cpu", precision="float32")
    ours = engine.generate(PROMPTS, Sampling(temperature=0, repetition_penalty=penalty), max_tokens=TOKENS)
    assert len({tuple(t.id for t in c.tokens) for c in ours}) == len(PROMPTS)
    for prompt, completion in zip(PROMPTS, ours, strict=True):
        expected = theirs.generate(
            torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            do_sample=False,
            max_new_tokens=TOKENS,
            repetition_penalty=penalty,
            eos_token_id=tokenizer.end_of_text,
            pad_token_id=tokenizer.end_of_text,
        )[0, len(prompt) :].tolist()
        if expected[-1] == tokenizer.end_of_text:
            expected.pop()
        assert [token.id for token in completion.tokens] == expected


def test_a_permuted_vocabulary_is_told_by_its_fingerprint(tokenizer, tmp_path):
    save_model(random_model("modern", tokenizer.vocab_size), tmp_path, tokenizer=tokenizer)
    assert saved_tokenizer_fingerprint(tmp_path) == tokenizer.fingerprint == load(tmp_path).fingerprint
    definition = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    vocab = definition["model"]["vocab"]
    vocab["a"], vocab["b"] = vocab["b"], vocab["a"]
    (tmp_path / "tokenizer.json").write_text(json.dumps(definition), encoding="utf-8")
    assert load(tmp_path).vocab_size == tokenizer.vocab_size
    assert load(tmp_path).fingerprint != saved_tokenizer_fingerprint(tmp_path)


def test_log_probabilities_equal_transformers(tokenizer, tmp_path):
    model = random_model("modern", tokenizer.vocab_size, seed=9)
    save_model(model, tmp_path, tokenizer=tokenizer)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    engine = Engine(model, tokenizer, device="cpu", precision="float32")
    (completion,) = engine.generate([PROMPTS[3]], Sampling(seed=2), max_tokens=TOKENS)
    made = [token.id for token in completion.tokens]
    n = len(PROMPTS[3])
    with torch.no_grad():
        logprobs = theirs(torch.tensor([PROMPTS[3] + made])).logits[0].log_softmax(-1)
    expected = logprobs[n - 1 : -1].gather(-1, torch.tensor(made)[:, None])[:, 0]
    assert [token.logprob for token in completion.tokens] == pytest.approx(expected.tolist(), abs=1e-4)
