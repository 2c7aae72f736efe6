"""The engine: a model and its tokenizer, prompts in, completions out, many rows at once.

What holds in float32: the same prompt, settings and seed give the same tokens alone or in a batch, with the KV cache or
without, streamed or not. Two things make it so. Each row draws from a random stream of its own, named by (seed, prompt,
sample number) and counted by token (draws.py). And where two choices are so near that rounding could decide, the
row's logits are computed again in one canonical way (choose.py). In bfloat16 (the default on CUDA) rounding is ten
thousand times coarser and nothing is computed again: runs may part at near-ties; likewise with weights of 8 bits.

Equal prompts give equal completions; for different ones ask for ``samples``. How a prompt is read: prompt.py.

The context's end: a model of context C reads positions 0..C-1 and predicts one token past them, so a prompt of n tokens
gets at most C - n + 1 tokens, and then ends with reason "length". With ``overflow="slide"`` the older half (rounded up)
is dropped instead, and the rest is read again from position 0.
"""

import contextlib
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import torch

from prosa.core.device import DeviceName, ReadingPrecisionName, choose_device
from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.generate.completion import Completion, Token
from prosa.generate.decoder import Decoder, can_decode
from prosa.generate.next_tokens import NextTokens
from prosa.generate.prompt import Prompt, read_prompt
from prosa.generate.reader import CachedReader, Reader, Rereader, StateReader
from prosa.generate.row import Limits, Overflow, Row
from prosa.generate.sampling import Sampling
from prosa.generate.writer import Writer
from prosa.models.gpt import GPT
from prosa.models.int8 import to_int8
from prosa.models.language_model import LanguageModel
from prosa.models.recurrent import RecurrentLM
from prosa.nn.int8 import can_int8
from prosa.tokenizers.config import END
from prosa.tokenizers.protocol import Tokenizer
from prosa.tokenizers.stream import Utf8Stream

MAX_ROWS = 64
"""Rows in a batch; more are generated one batch after another."""
CACHE_BYTES = 2**30
"""And fewer rows where their caches would take more than this."""

WORTH_PREPARING = 32
"""From so many tokens a row on, laying the weights out for a ``Decoder`` takes less time than it saves."""

PRIMING = 4
"""Ids of the prompt that may hold the beginning of a character: UTF-8 takes at most four bytes."""


class Engine:
    """Generates text.

    Args:
        model: moved to the device (in place); its weights keep their precision. A recurrent one carries its state, and
            what is neither that nor a decoder reads its window again for each token; neither can serve.
        device: "auto": CUDA, else MPS, else the CPU. While a model is being trained, give its own.
        precision: what the model computes in; "auto": bfloat16 on CUDA where the hardware has it, else float32.
            "int8", on a CPU: its matrices are replaced, in place, by those of nn/int8.py.

    Raises:
        UserError: the tokenizer does not match the model, the device is not there, or it cannot compute in 8 bits.
    """

    def __init__(
        self,
        model: LanguageModel,
        tokenizer: Tokenizer,
        *,
        device: DeviceName = "auto",
        precision: ReadingPrecisionName = "auto",
    ) -> None:
        if tokenizer.vocab_size > model.config.vocab_size:
            raise UserError(
                tr(
                    f"the tokenizer does not match the model: it has {tokenizer.vocab_size} tokens, "
                    f"the model {model.config.vocab_size}.",
                    f"o tokenizador não é o deste modelo: tem {tokenizer.vocab_size} tokens, "
                    f"e o modelo {model.config.vocab_size}.",
                ),
                tr("Use the tokenizer in the model's own folder.", "Use o tokenizador da pasta do próprio modelo."),
            )
        self.device = choose_device(device)
        self.model: GPT | Any = model.to(self.device)
        self.tokenizer = tokenizer
        if precision == "auto":
            fast = self.device.type == "cuda" and torch.cuda.is_bf16_supported()
            precision = "bfloat16" if fast else "float32"
        if precision == "int8":
            if self.device.type != "cpu" or not can_int8():
                raise UserError(
                    tr(
                        f"int8 needs a CPU with oneDNN; here is {self.device.type}.",
                        f"int8 exige uma CPU com oneDNN; aqui há {self.device.type}.",
                    ),
                    tr("Use the CPU, or bfloat16.", "Use a CPU, ou bfloat16."),
                )
            if not isinstance(model, GPT):
                raise UserError(tr("int8 is for decoders only.", "int8 é só para decoders."))
            to_int8(model)
        self.precision = precision
        self.rereader = Rereader(model, self.device, precision == "bfloat16")
        self.next_tokens = NextTokens(tokenizer, self.rereader if precision == "float32" else None)
        self._silent = frozenset(tokenizer.special_tokens.values())
        ends = (tokenizer.end_of_text, tokenizer.special_tokens.get(END))
        self._ends = frozenset(id for id in ends if id is not None)
        self._prepared: tuple[object, Decoder] | None = None

    def generate(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling | None = None,
        *,
        max_tokens: int,
        samples: int | Sequence[int] = 1,
        overflow: Overflow = "stop",
        use_cache: bool = True,
    ) -> list[Completion]:
        """Continue each prompt.

        Args:
            prompts: texts, or token ids.
            max_tokens: the most tokens to generate for each.
            samples: completions of each prompt; or, a number for each prompt, which sample of it to make: the
                completions 0, 1, … of equal prompts differ.
            overflow: at the context's end "stop", or "slide": forget the older half and go on.
            use_cache: False reads the whole text again for each token: the same result, slower.

        Returns:
            ``samples`` completions of the first prompt, then those of the second, …; of numbers, one each prompt.

        Raises:
            UserError: a prompt is empty and the tokenizer has no end-of-text token, is longer than the context, or has
                ids that are not the tokenizer's; a count is below 1; the model's weights are not finite.
        """
        if isinstance(prompts, str):
            raise TypeError("prompts is a list of prompts; for one text give [text]")
        rows = self._rows(prompts, sampling or Sampling(), max_tokens, samples, overflow)
        size = self._batch_size(rows, max_tokens) if use_cache else MAX_ROWS
        for start in range(0, len(rows), size):
            for _ in self._run(rows[start : start + size], max_tokens, use_cache):
                pass
        return [row.completion() for row in rows]

    def stream(
        self,
        prompt: Prompt,
        sampling: Sampling | None = None,
        *,
        max_tokens: int,
        sample: int = 0,
        overflow: Overflow = "stop",
        use_cache: bool = True,
    ) -> Generator[Token, None, Completion]:
        """Continue one prompt, token by token: the tokens of ``generate``, each as soon as its text is sure.

        The generator's return value (``completion = yield from engine.stream(…)``) is the completion. Arguments and
        errors are those of ``generate`` (``sample``: which of the prompt's); errors come at the call, not at the first
        token.
        """
        rows = self._rows([prompt], sampling or Sampling(), max_tokens, [sample], overflow)

        def tokens() -> Generator[Token, None, Completion]:
            for final in self._run(rows, max_tokens, use_cache):
                yield from final
            return rows[0].completion()

        return tokens()

    def row(
        self, prompt: Prompt, sampling: Sampling, *, max_tokens: int, sample: int = 0, overflow: Overflow = "stop"
    ) -> Row:
        """What ``stream`` begins with: a completion to be made, checked."""
        return self._rows([prompt], sampling, max_tokens, [sample], overflow)[0]

    def _rows(
        self,
        prompts: Sequence[Prompt],
        sampling: Sampling,
        max_tokens: int,
        samples: int | Sequence[int],
        overflow: Overflow,
    ) -> list[Row]:
        """The rows of all prompts, checked before any work is done."""
        if isinstance(samples, int):
            of_each: list[Sequence[int]] = [range(samples)] * len(prompts)
        else:
            of_each = [[number] for number in samples]
        wrong = [
            tr(f"{name} is {value!r}, must be at least 1", f"{name} é {value!r}, deve ser pelo menos 1")
            for name, value in (("max_tokens", max_tokens), ("samples", samples))
            if isinstance(value, int) and value < 1
        ]
        if overflow not in ("stop", "slide"):
            wrong.append(
                tr(
                    f"overflow is {overflow!r}, must be stop or slide",
                    f"overflow é {overflow!r}, deve ser stop ou slide",
                )
            )
        unknown = [id for id, _ in sampling.logit_bias if id >= self.tokenizer.vocab_size]
        if unknown:
            wrong.append(
                tr(f"logit_bias: there is no token {unknown[0]}", f"logit_bias: não existe o token {unknown[0]}")
            )
        if wrong:
            raise UserError(tr("Generation: ", "Geração: ") + "; ".join(wrong) + ".")
        limits = Limits(max_tokens, self.model.config.context, overflow, self.tokenizer.end_of_text, self._ends)
        rows = []
        for number, (prompt, numbers) in enumerate(zip(prompts, of_each, strict=True), 1):
            ids = read_prompt(prompt, number, self.tokenizer, limits)
            kept = prompt if isinstance(prompt, str) else tuple(ids)
            rows += [Row(kept, ids, sample, sampling, limits, self._writer(ids, sampling.stop)) for sample in numbers]
        return rows

    def _writer(self, ids: list[int], stop: tuple[str, ...]) -> Writer:
        """What writes the text after a prompt; the prompt's last ids tell whether it begins with a blank."""
        decoder = Utf8Stream(self.tokenizer)
        for id in [id for id in ids[-PRIMING:] if id not in self._silent]:
            decoder.push(id)
        return Writer(decoder, self._silent, stop)

    def slots(self, rows: Sequence[Row], max_tokens: int) -> int:
        """The longest that a window of these rows may become."""
        return min(self.model.config.context, max(len(row.window) for row in rows) + max_tokens - 1)

    @property
    def dtype(self) -> torch.dtype:
        """What the model's products are computed in."""
        return torch.bfloat16 if self.precision == "bfloat16" else next(self.model.parameters()).dtype

    @property
    def cache_dtype(self) -> torch.dtype:
        """Float32 on a CPU, where one query's products with bfloat16 keys take two to four times as long."""
        return torch.float32 if self.device.type == "cpu" else self.dtype

    def _decoder(self, rows: int, max_tokens: int) -> Decoder | None:
        """The model laid out for single tokens, where that pays; made anew when the weights have changed."""
        dtype = self.dtype
        if not can_decode(self.model, dtype):
            return None
        weights = tuple((p.data_ptr(), p._version) for p in self.model.parameters())
        key = (weights, rows == 1, torch.get_num_threads())
        if self._prepared is None or self._prepared[0] != key:
            if max_tokens < WORTH_PREPARING:
                return None
            self._prepared = None  # its memory first
            self._prepared = (key, Decoder(self.model, dtype, rows))
        return self._prepared[1]

    def _batch_size(self, rows: Sequence[Row], max_tokens: int) -> int:
        if not rows:
            return 1
        if not isinstance(self.model, GPT):
            return MAX_ROWS
        c = self.model.config
        a_row = 2 * c.n_layer * c.n_kv_head * c.head_dim * self.slots(rows, max_tokens) * self.cache_dtype.itemsize
        return max(1, min(MAX_ROWS, CACHE_BYTES // a_row))

    def _run(self, rows: list[Row], max_tokens: int, use_cache: bool) -> Iterator[list[Token]]:
        """Take all rows to their ends, one token each a step; yields each row's final tokens as they come."""
        reader: Reader = self.rereader
        if use_cache and isinstance(self.model, RecurrentLM):
            reader = StateReader(self.rereader, self.model)
        elif use_cache and isinstance(self.model, GPT):
            slots = self.slots(rows, max_tokens)
            decoder = self._decoder(len(rows), max_tokens)
            reader = CachedReader(self.rereader, len(rows), slots, self.cache_dtype, decoder)
        while rows:
            for row, token in zip(rows, self._step(reader, rows), strict=True):
                yield row.take(token)
            going = [i for i, row in enumerate(rows) if row.finish_reason is None]
            if len(going) < len(rows):
                rows = [rows[i] for i in going]
                if rows:
                    reader.keep(going)

    def _step(self, reader: Reader, rows: list[Row]) -> list[Token]:
        """The next token of each row."""
        with torch.inference_mode(), self.evaluating():
            return self.next_tokens(reader([row.window for row in rows]), rows)

    @contextlib.contextmanager
    def evaluating(self) -> Iterator[None]:
        """Without dropout; a model in training is put back."""
        if not self.model.training:
            yield
            return
        self.model.eval()
        try:
            yield
        finally:
            self.model.train()
