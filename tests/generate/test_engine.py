"""The engine: the same tokens however they are computed, parity with an argmax loop, log-probabilities, samples."""

import math
from dataclasses import replace

import pytest
import torch
from tiny_generation import CONTEXT, random_model

from prosa.core.errors import UserError
from prosa.generate import engine as engine_module
from prosa.generate.engine import Engine
from prosa.generate.reader import CachedReader, Rereader
from prosa.generate.sampling import Sampling

GREEDY = Sampling(temperature=0)
PROMPTS = ["Era uma vez", "", "Não há ação sem coração, disse", "o"]
SETTINGS = [
    GREEDY,
    Sampling(seed=3),
    Sampling(temperature=0.8, top_k=20, top_p=0.9, min_p=0.02, repetition_penalty=1.2, seed=11),
]


def make(model, tokenizer):
    return Engine(model, tokenizer, device="cpu", precision="float32")


def ids(completion):
    return [token.id for token in completion.tokens]


def assert_same(found, expected):
    """Equal but for the last digits of the log-probabilities."""
    assert [(ids(c), c.text, c.finish_reason, c.prompt) for c in found] == [
        (ids(c), c.text, c.finish_reason, c.prompt) for c in expected
    ]
    for a, b in zip(found, expected, strict=True):
        assert [t.text for t in a.tokens] == [t.text for t in b.tokens]
        assert [t.logprob for t in a.tokens] == pytest.approx([t.logprob for t in b.tokens], abs=1e-3)


def argmax_loop(model, context, n, end):
    """Greedy decoding, one row, no cache."""
    made = []
    while len(made) < n and len(context) + len(made) <= CONTEXT:
        token = model(torch.tensor([[*context, *made]]))[0, -1].argmax().item()
        if token == end:
            break
        made.append(token)
    return made


@torch.no_grad()
def test_greedy_is_the_argmax_loop(model, tokenizer):
    completions = make(model, tokenizer).generate(PROMPTS, GREEDY, max_tokens=20)
    for prompt, completion in zip(PROMPTS, completions, strict=True):
        context = [tokenizer.end_of_text, *tokenizer.encode(prompt)]
        assert ids(completion) == argmax_loop(model, context, 20, tokenizer.end_of_text)
    assert len({c.text for c in completions}) > len(PROMPTS) / 2  # the random model does not always say the same


@pytest.mark.parametrize("sampling", SETTINGS)
@pytest.mark.parametrize("overflow", ["stop", "slide"])
def test_cached_or_not_alone_or_batched_streamed_or_not(model, tokenizer, sampling, overflow):
    engine = make(model, tokenizer)
    options = {"max_tokens": 70, "overflow": overflow}
    batched = engine.generate(PROMPTS, sampling, **options)
    assert max(len(c.tokens) for c in batched) > 30
    assert_same(engine.generate(PROMPTS, sampling, use_cache=False, **options), batched)
    alone = [engine.generate([prompt], sampling, **options)[0] for prompt in PROMPTS]
    assert_same(alone, batched)
    assert_same(engine.generate(PROMPTS[::-1], sampling, **options)[::-1], batched)
    assert list(engine.stream(PROMPTS[2], sampling, **options)) == alone[2].tokens
    streamed = engine.stream(PROMPTS[0], sampling, use_cache=False, **options)
    assert "".join(token.text for token in streamed) == batched[0].text


def test_long_lists_go_batch_by_batch(model, tokenizer, monkeypatch):
    engine = make(model, tokenizer)
    whole = engine.generate(PROMPTS, Sampling(seed=5), max_tokens=12, samples=2)
    sizes = []

    class Spy(CachedReader):
        def __init__(self, *arguments):
            sizes.append(arguments[1])
            super().__init__(*arguments)

    monkeypatch.setattr(engine_module, "CachedReader", Spy)
    monkeypatch.setattr(engine_module, "MAX_ROWS", 5)
    assert_same(engine.generate(PROMPTS, Sampling(seed=5), max_tokens=12, samples=2), whole)
    assert sizes == [5, 3]
    monkeypatch.setattr(engine_module, "CACHE_BYTES", 1)
    sizes.clear()
    assert_same(engine.generate(PROMPTS[:2], Sampling(seed=5), max_tokens=12, samples=2), whole[:4])
    assert sizes == [1, 1, 1, 1]


def test_finished_rows_leave_the_batch(model, tokenizer, monkeypatch):
    sizes = []

    class Spy(CachedReader):
        def __call__(self, windows):
            sizes.append(len(windows))
            return super().__call__(windows)

    monkeypatch.setattr(engine_module, "CachedReader", Spy)
    completions = make(model, tokenizer).generate(["x" * n for n in (60, 50, 1)], GREEDY, max_tokens=99)
    steps = [len(c.tokens) + (c.finish_reason == "stop") for c in completions]
    assert sizes == [sum(step < n for n in steps) for step in range(max(steps))]


def test_each_token_is_read_once(tokenizer):
    model = random_model("modern", tokenizer.vocab_size)
    read = []
    hidden = model.hidden
    model.hidden = lambda ids_BT, **rest: (read.append(tuple(ids_BT.shape)), hidden(ids_BT, **rest))[1]
    prompts = [[1] * 60, [2] * 50, [3]]
    completions = make(model, tokenizer).generate(prompts, Sampling(seed=1), max_tokens=30)
    steps = [len(c.tokens) + (c.finish_reason == "stop") for c in completions]
    expected = [(2, 59)] + [(sum(step < n for n in steps), 1) for step in range(max(steps))]
    again = [shape for shape in read if shape[0] == 1 and shape[1] > 1]  # choices too near to be sure of
    assert [shape for shape in read if shape not in again] == expected
    assert len(again) <= 2


def test_a_prompt_is_read_once_for_all_its_samples(tokenizer):
    model = random_model("modern", tokenizer.vocab_size)
    read = []
    hidden = model.hidden
    model.hidden = lambda ids_BT, **rest: (read.append(tuple(ids_BT.shape)), hidden(ids_BT, **rest))[1]
    make(model, tokenizer).generate([[1, 2, 3, 4, 5]], Sampling(), max_tokens=1, samples=7)
    assert read[:2] == [(1, 4), (7, 1)]


def test_rounding_cannot_decide(tokenizer, monkeypatch):
    """Every token has a twin with the same embedding; a cache that rounds badly must not change what is chosen."""
    model = random_model("modern", tokenizer.vocab_size)
    with torch.no_grad():
        half = tokenizer.vocab_size // 2
        model.unembedding.weight[half : 2 * half] = model.unembedding.weight[:half] * (1 + 1e-7)
    engine = make(model, tokenizer)
    noise = torch.Generator().manual_seed(0)

    class Noisy(CachedReader):
        def __call__(self, windows):
            logits = super().__call__(windows)
            return logits + 1e-6 * torch.randn(logits.shape, generator=noise)

    for sampling in (GREEDY, Sampling(seed=1)):
        expected = engine.generate(PROMPTS, sampling, max_tokens=40, use_cache=False)
        with monkeypatch.context() as patch:
            patch.setattr(engine_module, "CachedReader", Noisy)
            assert_same(engine.generate(PROMPTS, sampling, max_tokens=40), expected)


def test_samples_differ_and_repeat(model, tokenizer):
    engine = make(model, tokenizer)
    first = engine.generate(["Era uma vez", "O cão"], Sampling(seed=7), max_tokens=15, samples=4)
    assert [c.prompt for c in first] == ["Era uma vez"] * 4 + ["O cão"] * 4
    assert len({tuple(ids(c)) for c in first}) == 8
    assert engine.generate(["Era uma vez", "O cão"], Sampling(seed=7), max_tokens=15, samples=4) == first
    assert_same(engine.generate(["O cão"], Sampling(seed=7), max_tokens=15, samples=2), first[4:6])
    other = engine.generate(["Era uma vez", "O cão"], Sampling(seed=8), max_tokens=15, samples=4)
    assert not {tuple(ids(c)) for c in first} & {tuple(ids(c)) for c in other}


def test_more_tokens_only_continue(model, tokenizer):
    short = make(model, tokenizer).generate(PROMPTS, Sampling(seed=2), max_tokens=10)
    long = make(model, tokenizer).generate(PROMPTS, Sampling(seed=2), max_tokens=30)
    assert all(ids(b)[: len(ids(a))] == ids(a) for a, b in zip(short, long, strict=True))


def test_low_temperature_and_top_k_one_are_greedy(model, tokenizer):
    engine = make(model, tokenizer)
    greedy = engine.generate(PROMPTS, GREEDY, max_tokens=15)
    assert_same(engine.generate(PROMPTS, Sampling(top_k=1), max_tokens=15), greedy)
    assert_same(engine.generate(PROMPTS, Sampling(temperature=1e-4), max_tokens=15), greedy)
    assert_same(engine.generate(PROMPTS, Sampling(top_p=1e-9), max_tokens=15), greedy)


def test_the_draws_follow_the_model(tokenizer):
    """First tokens of 4,000 samples against the model's probabilities, chi-squared over tokens expected 20 times."""
    model = random_model("modern", tokenizer.vocab_size)
    completions = make(model, tokenizer).generate([[5, 6]], Sampling(seed=1), max_tokens=1, samples=4000)
    end = tokenizer.end_of_text
    counts = torch.bincount(torch.tensor([ids(c)[0] if c.tokens else end for c in completions]), minlength=269)
    with torch.no_grad():
        expected = model(torch.tensor([[5, 6]]))[0, -1].softmax(-1) * 4000
    often = expected > 20
    degrees = int(often.sum())
    statistic = ((counts - expected)[often] ** 2 / expected[often]).sum().item()
    assert degrees > 10
    assert statistic < degrees + 4 * math.sqrt(2 * degrees)


@torch.no_grad()
def test_logprobs_are_the_raw_models(model, tokenizer):
    sampling = Sampling(temperature=0.5, top_k=5, repetition_penalty=1.5, top_logprobs=3, seed=4)
    (completion,) = make(model, tokenizer).generate([[1, 2, 3]], sampling, max_tokens=12)
    context = [1, 2, 3]
    for token in completion.tokens:
        expected = model(torch.tensor([context]))[0, -1].log_softmax(-1)
        assert token.logprob == pytest.approx(expected[token.id].item(), abs=1e-4)
        best = expected.topk(3)
        assert [a.id for a in token.top] == best.indices.tolist()
        assert [a.logprob for a in token.top] == pytest.approx(best.values.tolist(), abs=1e-4)
        assert [a.text for a in token.top] == [tokenizer.token_text(a.id) for a in token.top]
        context.append(token.id)
    assert completion.logprob == pytest.approx(sum(t.logprob for t in completion.tokens))
    assert make(model, tokenizer).generate([[1]], Sampling(), max_tokens=1)[0].tokens[0].top == ()


def test_top_logprobs_of_a_small_vocabulary(tokenizer):
    model = random_model("modern", tokenizer.vocab_size)
    (completion,) = make(model, tokenizer).generate([[1]], Sampling(top_logprobs=10_000), max_tokens=1)
    top = completion.tokens[0].top
    assert len(top) == tokenizer.vocab_size
    assert sum(math.exp(a.logprob) for a in top) == pytest.approx(1, abs=1e-4)


def test_repetition_penalty_counts_prompt_and_text_but_not_the_end(tokenizer):
    model = random_model("modern", tokenizer.vocab_size)
    engine = make(model, tokenizer)
    (strong,) = engine.generate([[1, 2, 3]], Sampling(temperature=0, repetition_penalty=1e6), max_tokens=40)
    assert len(set(ids(strong)) | {1, 2, 3}) == len(strong.tokens) + 3  # nothing comes twice
    with torch.no_grad():
        model.unembedding.weight[tokenizer.end_of_text] = model.norm.weight * 0
        logits = model(torch.tensor([[tokenizer.end_of_text, 1]]))[0, -1]
        best = logits.argmax()
        model.unembedding.weight[tokenizer.end_of_text] = model.unembedding.weight[best] * 1.01
    (ended,) = engine.generate(
        [[tokenizer.end_of_text, 1]], Sampling(temperature=0, repetition_penalty=5), max_tokens=5
    )
    assert (ended.tokens, ended.finish_reason) == ([], "stop")


def test_a_padded_vocabulary_is_never_sampled(tokenizer):
    padded = random_model("modern", tokenizer.vocab_size + 51)
    with torch.no_grad():
        padded.unembedding.weight[tokenizer.vocab_size :] *= 10  # what pads is what it would like to say
        logits = padded(torch.tensor([[1, 2]]))[0, -1]
    assert logits.argmax() >= tokenizer.vocab_size
    (completion,) = make(padded, tokenizer).generate([[1, 2]], GREEDY, max_tokens=20)
    assert max(ids(completion)) < tokenizer.vocab_size
    expected = logits[: tokenizer.vocab_size].log_softmax(-1).max().item()
    assert completion.tokens[0].logprob == pytest.approx(expected, abs=1e-4)


def test_dropout_is_off_and_training_goes_on(tokenizer):
    model = random_model("modern", tokenizer.vocab_size, dropout=0.5)
    expected = make(model, tokenizer).generate(PROMPTS, GREEDY, max_tokens=10)
    model.train()
    stream = make(model, tokenizer).stream(PROMPTS[0], GREEDY, max_tokens=10)
    next(stream)
    assert model.training  # also between two tokens of a stream
    assert torch.is_grad_enabled()
    assert make(model, tokenizer).generate(PROMPTS, GREEDY, max_tokens=10) == expected
    assert model.training
    model(torch.tensor([[1, 2]])).sum().backward()


def test_bfloat16_parts_only_at_near_ties(tokenizer):
    model = random_model("modern", tokenizer.vocab_size)
    low = Engine(model, tokenizer, device="cpu", precision="bfloat16")
    (cached,) = low.generate([[1, 2, 3]], GREEDY, max_tokens=40)
    exact = Rereader(model, torch.device("cpu"))
    context = [1, 2, 3]
    for token in cached.tokens:
        with torch.no_grad():
            logits = exact([context])[0]
        assert logits.max() - logits[token.id] < 0.05 * logits.abs().max()
        context.append(token.id)
    assert model.unembedding.weight.dtype == torch.float32


def test_a_diverged_model_is_told(tokenizer):
    model = random_model("modern", tokenizer.vocab_size)
    with torch.no_grad():
        model.norm.weight[0] = torch.nan
    with pytest.raises(UserError, match="not finite"):
        make(model, tokenizer).generate(["a"], GREEDY, max_tokens=1)


def test_no_prompts_no_completions(model, tokenizer):
    assert make(model, tokenizer).generate([], GREEDY, max_tokens=5) == []


def test_settings_are_not_state(model, tokenizer):
    engine = make(model, tokenizer)
    sampling = Sampling(seed=1, temperature=1.3)
    first = engine.generate(["abc"], sampling, max_tokens=8)
    engine.generate(["def"], replace(sampling, seed=2), max_tokens=8)
    torch.manual_seed(99)
    assert engine.generate(["abc"], sampling, max_tokens=8) == first
