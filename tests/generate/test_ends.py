"""How a text begins and ends: prompts, the context's end, the end-of-text token, stop strings; and bad input."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_generation import CONTEXT, SPECIAL, byte_level, random_model

from prosa.core.errors import UserError
from prosa.core.language import set_language
from prosa.generate.engine import Engine
from prosa.generate.sampling import Sampling

GREEDY = Sampling(temperature=0)
FREE = Sampling(seed=1)


def make(model, tokenizer):
    return Engine(model, tokenizer, device="cpu", precision="float32")


def ids(completion):
    return [token.id for token in completion.tokens]


def saying(tokenizer, text: str, shape: str = "classic"):
    """A model that answers the end-of-text token, then each token of ``text``, with the next one, and then ends.

    Each token may come once: the answer depends on the last token only.
    """
    chain = [tokenizer.end_of_text, *tokenizer.encode(text, allow_special=True), tokenizer.end_of_text]
    assert len(set(chain)) == len(chain) - 1
    model = random_model(shape, tokenizer.vocab_size, d_model=272)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "attention.out" in name or "feedforward.down" in name or "position" in name:
                parameter.zero_()
        model.embedding.weight.copy_(torch.eye(tokenizer.vocab_size, 272) * 10)
        model.unembedding.weight.zero_()
        for last, following in itertools.pairwise(chain):
            model.unembedding.weight[following, last] = 10
    return model


@pytest.fixture(scope="module")
def never_ends(tokenizer):
    """A random model that cannot say the end-of-text token."""
    model = random_model("modern", tokenizer.vocab_size, seed=5)
    end = tokenizer.end_of_text
    model.head = lambda hidden: torch.nn.functional.linear(hidden, model.unembedding.weight).index_fill(
        -1, torch.tensor([end]), -1e9
    )
    return model


def test_the_text_ends_with_the_end_of_text_token(tokenizer):
    (completion,) = make(saying(tokenizer, "Olá, cão!"), tokenizer).generate([""], GREEDY, max_tokens=50)
    assert (completion.text, completion.finish_reason) == ("Olá, cão!", "stop")
    assert ids(completion) == tokenizer.encode("Olá, cão!")  # without the end-of-text token


def test_max_tokens_comes_before_the_end(tokenizer):
    engine = make(saying(tokenizer, "Olá!"), tokenizer)
    n = len(tokenizer.encode("Olá!"))
    exact, more = (engine.generate([""], GREEDY, max_tokens=m)[0] for m in (n, n + 1))
    assert (exact.text, exact.finish_reason) == ("Olá!", "length")
    assert (more.text, more.finish_reason) == ("Olá!", "stop")
    (cut,) = engine.generate([""], GREEDY, max_tokens=3)  # "O", "l" and half of "á"
    assert (cut.text, [t.text for t in cut.tokens], cut.finish_reason) == ("Ol\ufffd", ["O", "l", "\ufffd"], "length")


def test_special_tokens_are_not_text(tokenizer):
    (completion,) = make(saying(tokenizer, "a<|user|>bc"), tokenizer).generate([""], GREEDY, max_tokens=50)
    assert completion.text == "abc"
    assert [t.text for t in completion.tokens] == ["a", "", "b", "c"]
    assert ids(completion)[1] == tokenizer.special_tokens["<|user|>"]


def test_the_end_of_a_turn_ends_the_text(tokenizer):
    (completion,) = make(saying(tokenizer, "ab<|end|>c"), tokenizer).generate([""], GREEDY, max_tokens=50)
    assert (completion.text, completion.finish_reason) == ("ab", "stop")


@pytest.mark.parametrize(
    ("stop", "text"),
    [
        ("d", "abc"),
        ("cd", "ab"),
        ("cdx", "abcdef"),
        ("a", ""),
        ("f", "abcde"),
        ("bcde", "a"),
    ],
)
def test_stop_strings(tokenizer, stop, text):
    engine = make(saying(tokenizer, "abcdef"), tokenizer)
    sampling = Sampling(temperature=0, stop=(stop, "zzz"))
    (completion,) = engine.generate([""], sampling, max_tokens=50)
    assert (completion.text, completion.finish_reason) == (text, "stop")
    assert tokenizer.decode(ids(completion)) == text
    assert list(engine.stream("", sampling, max_tokens=50)) == completion.tokens


def test_a_stop_string_is_looked_for_in_the_completion_only(tokenizer):
    engine = make(saying(tokenizer, "abcdef"), tokenizer)
    (completion,) = engine.generate(["abc"], Sampling(temperature=0, stop=("cd", "c")), max_tokens=50)
    assert completion.text == "def"


def test_stopped_rows_and_others_in_one_batch(tokenizer):
    engine = make(saying(tokenizer, "abcdef"), tokenizer)
    completions = engine.generate(["", "abcd", "ab"], Sampling(temperature=0, stop=("d",)), max_tokens=2)
    assert [(c.text, c.finish_reason) for c in completions] == [("ab", "length"), ("ef", "length"), ("c", "stop")]


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["é", "a", "\ufffd", "o ", " a", "de"]))
def test_streamed_and_joined_on_random_bytes(seed, stop):
    tokenizer = byte_level()
    engine = make(MODEL, tokenizer)
    (free,) = engine.generate(["cão"], Sampling(seed=seed), max_tokens=40)
    assert "".join(t.text for t in free.tokens) == free.text
    assert free.text == tokenizer.decode([t.id for t in free.tokens if t.id not in tokenizer.special_tokens.values()])
    sampling = Sampling(seed=seed, stop=(stop,))
    (stopped,) = engine.generate(["cão"], sampling, max_tokens=40)
    assert list(engine.stream("cão", sampling, max_tokens=40)) == stopped.tokens
    assert "".join(t.text for t in stopped.tokens) == stopped.text
    assert free.text.startswith(stopped.text)
    assert stop not in stopped.text


MODEL = random_model("modern", byte_level().vocab_size, seed=3)


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize("n", [1, 40, CONTEXT - 1, CONTEXT])
def test_the_contexts_end(never_ends, tokenizer, n, use_cache):
    (c,) = make(never_ends, tokenizer).generate([list(range(n))], FREE, max_tokens=500, use_cache=use_cache)
    assert (len(c.tokens), c.finish_reason) == (CONTEXT - n + 1, "length")


@torch.no_grad()
def test_sliding_drops_the_older_half_and_reads_the_rest_again(never_ends, tokenizer):
    prompt = list(range(10))
    (completion,) = make(never_ends, tokenizer).generate([prompt], GREEDY, max_tokens=150, overflow="slide")
    window, made = list(prompt), []
    for _ in range(150):
        if len(window) > CONTEXT:
            window = window[CONTEXT // 2 :]
        made.append(never_ends(torch.tensor([window]))[0, -1].argmax().item())
        window.append(made[-1])
    assert ids(completion) == made
    assert completion.finish_reason == "length"


def test_sliding_changes_nothing_within_the_context(never_ends, tokenizer):
    engine = make(never_ends, tokenizer)
    slide, stop = (engine.generate(["abc"], FREE, max_tokens=30, overflow=o)[0] for o in ("slide", "stop"))
    assert slide == stop


def test_a_context_of_one(tokenizer):
    engine = make(random_model("modern", tokenizer.vocab_size, context=1), tokenizer)
    assert len(engine.generate([[7]], FREE, max_tokens=9)[0].tokens) == 1
    slid = engine.generate([[7]], FREE, max_tokens=9, overflow="slide")[0]
    assert len(slid.tokens) == 9 or slid.finish_reason == "stop"


def test_a_prompt_longer_than_the_context(never_ends, tokenizer, capsys):
    engine = make(never_ends, tokenizer)
    with pytest.raises(UserError, match=rf"prompt 2 has 71 tokens, .* context {CONTEXT}") as error:
        engine.generate(["a", "b" * 70], GREEDY, max_tokens=5)
    assert "--overflow slide" in error.value.hint
    long = [id % 200 for id in range(3 * CONTEXT)]
    (completion,) = engine.generate([long], GREEDY, max_tokens=1, overflow="slide")
    assert "192 tokens; the model sees the last 64" in capsys.readouterr().err
    assert ids(completion) == ids(engine.generate([long[-CONTEXT:]], GREEDY, max_tokens=1)[0])


def test_a_text_begins_after_the_end_of_text_token_and_ids_are_taken_as_they_are(model, tokenizer):
    engine = make(model, tokenizer)
    end = tokenizer.end_of_text
    text, with_end, without = engine.generate(
        ["o cão", [end, *tokenizer.encode("o cão")], tokenizer.encode("o cão")], FREE, max_tokens=12
    )
    assert ids(text) == ids(with_end)
    assert ids(text) != ids(without)
    assert with_end.prompt == (end, *tokenizer.encode("o cão"))


def test_an_empty_prompt_starts_a_document(model, tokenizer):
    engine = make(model, tokenizer)
    text, none, end = engine.generate(["", [], [tokenizer.end_of_text]], FREE, max_tokens=12)
    assert ids(text) == ids(none) == ids(end)


def test_an_empty_prompt_without_an_end_of_text_token():
    tokenizer = byte_level(special=())
    engine = make(random_model("modern", tokenizer.vocab_size), tokenizer)
    assert len(engine.generate(["a"], FREE, max_tokens=5)[0].tokens) == 5
    for prompt in ("", []):
        with pytest.raises(UserError, match="prompt 2 is empty"):
            engine.generate(["a", prompt], FREE, max_tokens=5)


def test_typed_text_is_put_in_nfc(model, tokenizer):
    engine = make(model, tokenizer)
    composed, decomposed = engine.generate(["ação", "ac\u0327a\u0303o"], FREE, max_tokens=8)
    assert ids(composed) == ids(decomposed)


def test_control_tokens_in_a_prompt_are_plain_text(model, tokenizer):
    engine = make(model, tokenizer)
    typed, plain = engine.generate(
        ["<|user|>", [tokenizer.end_of_text, *tokenizer.encode("<|user|>")]], FREE, max_tokens=8
    )
    assert len(tokenizer.encode("<|user|>")) == len("<|user|>") - 1  # "er" is a token
    assert ids(typed) == ids(plain)


@pytest.mark.parametrize("wrong", [-1, 269, 10**9])
def test_ids_outside_the_vocabulary(model, tokenizer, wrong):
    assert tokenizer.vocab_size == 269 == 256 + 10 + len(SPECIAL)
    with pytest.raises(UserError, match=rf"prompt 1: token id {wrong} .* 269: the tokenizer does not match"):
        make(model, tokenizer).generate([[1, wrong]], GREEDY, max_tokens=1)


def test_a_tokenizer_with_more_tokens_than_the_model(tokenizer):
    small = random_model("modern", tokenizer.vocab_size - 1)
    with pytest.raises(UserError, match=r"has 269 tokens, the model 268"):
        make(small, tokenizer)


def test_wrong_counts_are_all_named(model, tokenizer):
    engine = make(model, tokenizer)
    with pytest.raises(UserError, match=r"max_tokens is 0.*samples is -1.*overflow is 'wrap'"):
        engine.generate(["a"], GREEDY, max_tokens=0, samples=-1, overflow="wrap")
    with pytest.raises(UserError, match="max_tokens"):
        engine.stream("a", GREEDY, max_tokens=0)  # at the call, not at the first token
    with pytest.raises(TypeError, match="list of prompts"):
        engine.generate("abc", GREEDY, max_tokens=1)


def test_messages_in_portuguese(model, tokenizer):
    set_language("pt-BR")
    try:
        with pytest.raises(UserError, match="o prompt 1 tem 71 tokens, e o contexto do modelo, 64"):
            make(model, tokenizer).generate(["b" * 70], GREEDY, max_tokens=5)
    finally:
        set_language(None)


def test_a_stream_returns_the_completion(model, tokenizer):
    engine = make(model, tokenizer)
    tokens = []

    def consume():
        completion = yield from engine.stream("abc", FREE, max_tokens=6)
        assert completion == engine.generate(["abc"], FREE, max_tokens=6)[0]
        assert completion.tokens == tokens
        yield "checked"

    for item in consume():
        tokens.append(item)
    assert tokens.pop() == "checked"


def test_json(tokenizer):
    (completion,) = make(saying(tokenizer, "ab"), tokenizer).generate([""], GREEDY, max_tokens=9)
    a, b = tokenizer.encode("a")[0], tokenizer.encode("b")[0]
    found = completion.to_json()
    logprobs = [token.pop("logprob") for token in found["tokens"]]
    assert found == {"text": "ab", "tokens": [{"id": a, "text": "a"}, {"id": b, "text": "b"}], "finish_reason": "stop"}
    assert logprobs == [t.logprob for t in completion.tokens]
    top = make(saying(tokenizer, "ab"), tokenizer).generate([""], Sampling(temperature=0, top_logprobs=1), max_tokens=1)
    assert top[0].to_json()["tokens"][0]["top"] == [{"id": a, "text": "a", "logprob": logprobs[0]}]
