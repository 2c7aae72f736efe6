"""Text of every family of tokenizer continues the prompt as decoding prompt and tokens together would."""

import pytest
from tiny_generation import random_model

from prosa.generate.engine import Engine
from prosa.generate.sampling import Sampling
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train

TEXT = (
    "Era uma vez um cão que não tinha coração. O rapaz, a quem ele seguia, disse: não há ação sem razão! "
    "E a avó, lá do alto da serra, riu; era manhã, e o pão saía do forno."
)


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece", "char", "word-v1", "word-v2"])
def test_the_text_continues_the_prompt(kind):
    tokenizer = train([TEXT] * 5, TokenizerConfig(kind=kind))
    engine = Engine(random_model("modern", tokenizer.vocab_size), tokenizer, device="cpu", precision="float32")
    silent = set(tokenizer.special_tokens.values())
    checked = 0
    for seed in range(6):
        prompt = tokenizer.encode("Era uma vez")
        (completion,) = engine.generate([prompt], Sampling(seed=seed), max_tokens=25)
        made = [token.id for token in completion.tokens]
        assert completion.text == "".join(token.text for token in completion.tokens)
        assert list(engine.stream(prompt, Sampling(seed=seed), max_tokens=25)) == completion.tokens
        plain = [id for id in made if id not in silent]
        start = tokenizer.decode(prompt)
        assert start + completion.text == tokenizer.decode([*prompt, *plain])
        checked += bool(plain)
    assert checked > 3


def test_words_get_their_blank_after_a_prompt_but_not_at_the_beginning():
    tokenizer = train([TEXT], TokenizerConfig(kind="wordpiece"))
    engine = Engine(random_model("modern", tokenizer.vocab_size), tokenizer, device="cpu", precision="float32")
    blanks = 0
    for seed in range(12):
        after, alone = engine.generate(["Era uma", ""], Sampling(seed=seed), max_tokens=10)
        if after.text:
            first = tokenizer.token_text(next(token.id for token in after.tokens if token.text))
            assert after.text.startswith(" ") == (not first.startswith("##") and first not in ".,!?")
            blanks += after.text.startswith(" ")
        assert not alone.text.startswith(" ")
    assert blanks > 2
