"""Models and engines that say what a test wants."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import torch

from prosa.align.sft import SftConfig
from prosa.data.conversation_file import as_record
from prosa.generate.completion import Completion, Token
from prosa.generate.reply import announced
from prosa.generate.sampling import Sampling
from prosa.generate.tools import Toolbox, ToolCall, builtin_tools
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import save_model
from prosa.pipeline.sft import sft
from prosa.tokenizers.chat import ChatEncoder, Message
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.stream import Utf8Stream
from prosa.tokenizers.train import train

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


GREETING, SUM = "Olá!", "Quanto é 3,5*2?"
GREETED, SUMMED = "Olá, cão! 😀\n♥", "Dá 7."


def make_chat_run(run: Path) -> Path:
    """A run whose tiny model was fine-tuned in two seconds: it answers ``GREETING``, and ``SUM`` by the calculator."""
    toolbox, call = Toolbox(builtin_tools("en")), ToolCall("calculator", {"expression": "3,5*2"})
    greeting = [Message("user", GREETING), Message("assistant", GREETED)]
    sum_ = [Message("user", SUM), Message("assistant", "", (call,)), Message("tool", "7"), Message("assistant", SUMMED)]
    talks = [announced(talk, toolbox) for talk in (greeting + sum_, sum_ + greeting)]
    texts = [turn.content for talk in talks for turn in talk]
    tokenizer = train([*texts, call.text] * 3, TokenizerConfig(vocab_size=352))
    torch.manual_seed(0)
    save_model(GPT(GPTConfig(tokenizer.vocab_size, 128, 1, 2, 48)), run / "start", tokenizer=tokenizer)
    lines = [json.dumps(as_record(talk)) + "\n" for talk in talks] * 4
    (run / "talks.jsonl").write_text("".join(lines))
    config = SftConfig(
        steps=80, held_out=0.0, micro_batch=4, batch_size=4, precision="float32", workers=1, compile=False, lr=1e-2
    )
    sft(str(run / "start"), data=(run / "talks.jsonl",), out=run, sft=config)
    return run
