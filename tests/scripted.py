"""Models and engines that say what a test wants."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace

import torch

from prosa.generate.completion import Completion, Token
from prosa.generate.sampling import Sampling
from prosa.models.gpt import GPT, GPTConfig
from prosa.tokenizers.chat import ChatEncoder
from prosa.tokenizers.stream import Utf8Stream

CALL = '<|call|>{"name": "calculator", "arguments": {"expression": "3,5*2"}}'


class ScriptedEngine:
    """Answers with the given texts, one after the other, and remembers what it was given to read.

    A text may hold control tokens; ``<|stop|>`` in it is where Ctrl-C comes. It ends with ``<|end|>``, or, where it
    does not fit ``max_tokens`` or the context, as the engine's do.
    """

    def __init__(self, encoder: ChatEncoder, *texts: str, context: int = 400) -> None:
        self.model = SimpleNamespace(config=SimpleNamespace(context=context))
        self.encoder = encoder
        self.texts = list(texts)
        self.read: list[list[int]] = []
        self.samples: list[int] = []

    def stream(self, prompt: Sequence[int], sampling: Sampling, *, max_tokens: int, sample: int = 0):
        """As ``Engine.stream``."""
        self.read.append(list(prompt))
        self.samples.append(sample)
        text, stop, _ = self.texts.pop(0).partition("<|stop|>")
        ids = self.encoder.tokenizer.encode(text, allow_special=True)
        end = self.encoder.tokenizer.end_of_text if ids[-1:] == [self.encoder.tokenizer.end_of_text] else None
        if end is not None:
            ids.pop()
        room = min(max_tokens, self.model.config.context - len(prompt) + 1)
        decoder, tokens = Utf8Stream(self.encoder.tokenizer), []
        special = set(self.encoder.tokenizer.special_tokens.values())
        for id in ids[:room]:
            tokens.append(Token(id, "" if id in special else decoder.push(id), 0.0))
            yield tokens[-1]
        if stop:
            raise KeyboardInterrupt
        joined = "".join(token.text for token in tokens)
        if len(ids) >= room:
            return Completion(tuple(prompt), joined, tokens, "length")
        return Completion(tuple(prompt), joined, tokens, "stop", self.encoder.end_id if end is None else end)


def chain_model(vocab_size: int, context: int, following: Callable[[int], int]) -> GPT:
    """A model whose next token is a function of the last one alone."""
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size, context, 1, 1, 16 * -(-vocab_size // 16), shape="modern", tied=False))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "attention.out" in name or "feedforward.down" in name:
                parameter.zero_()
        model.embedding.weight.copy_(torch.eye(*model.embedding.weight.shape) * 10)
        model.unembedding.weight.zero_()
        for id in range(vocab_size):
            model.unembedding.weight[following(id), id] = 10
    return model.eval()
