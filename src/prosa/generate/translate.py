"""A translator: sentences in, sentences out, with what the decoder considered and looked at on its way.

    decoder reads   end  y1   y2 …
    and predicts    y1   y2   … end       each with a probability, beside its alternatives

The steps of a translation are read from one pass over what was written, not from the search: so they are the same
whatever beam found it.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from prosa.core.device import DeviceName, choose_device
from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.generate.beam import Hypothesis, beam_search
from prosa.models.encoder_decoder import EncoderDecoder
from prosa.tokenizers.protocol import Tokenizer

ROWS = 128  # texts written at a time: sentences times beam
LONGER, MORE = 2, 10  # a translation may have LONGER times the source's tokens, and MORE


@dataclass(frozen=True)
class Step:
    """One token that the decoder wrote."""

    token: str
    probability: float
    alternatives: tuple[tuple[str, float], ...]
    """The likeliest tokens and their probabilities, the written one among them or not."""


@dataclass(frozen=True)
class Translated:
    """A sentence and what was made of it."""

    source: str
    text: str
    log_prob: float
    score: float
    """The logarithm over the length penalty."""
    ended: bool
    """False: it was cut at the longest that is allowed."""
    source_ids: tuple[int, ...]
    ids: tuple[int, ...]
    steps: tuple[Step, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        plain = asdict(self)
        return {k: v for k, v in plain.items() if k not in ("source_ids", "ids") and (k != "steps" or v)}


class Translator:
    """Translates sentences.

    Args:
        model: moved to the device (in place), and set to evaluation mode.
        tokenizer: the one whose ids it knows.
        device: "auto": CUDA, else MPS, else the CPU.
    """

    def __init__(self, model: EncoderDecoder, tokenizer: Tokenizer, *, device: DeviceName = "auto") -> None:
        assert isinstance(model, nn.Module)
        self.device = choose_device(device)
        self.model: Any = model.to(self.device).eval()
        self.tokenizer = tokenizer

    def translate(self, texts: Sequence[str], *, beam: int = 4, alpha: float = 0.6) -> list[Translated]:
        """The best translation found of each text.

        Args:
            beam: texts kept at each step; 1: always the likeliest token.
            alpha: of the length penalty; 0: none, more: longer.

        Raises:
            UserError: a text in which there is nothing, one longer than the model's context, a lone surrogate, or a
                beam or penalty that cannot be.
        """
        if beam < 1 or not -10 <= alpha <= 10:
            raise UserError(
                tr(
                    f"beam is {beam} and must be at least 1; length-penalty is {alpha:g} and must be from -10 to 10.",
                    f"beam é {beam} e deve ser pelo menos 1; length-penalty é {alpha:g} e deve ser de -10 a 10.",
                )
            )
        given = [" ".join(unicodedata.normalize("NFC", text).split()) for text in texts]
        encoded = [tuple(int(i) for i in self.tokenizer.encode(text)) for text in given]
        context = self.model.config.context
        for text, ids in zip(given, encoded, strict=True):
            if not ids:
                raise UserError(tr("a sentence is empty.", "uma frase está vazia."))
            if len(ids) >= context:
                shown = text if len(text) <= 60 else text[:59] + "…"
                raise UserError(
                    tr(
                        f"a sentence of {len(ids)} tokens does not fit the model, which reads {context - 1}: {shown}",
                        f"uma frase de {len(ids)} tokens não cabe no modelo, que lê {context - 1}: {shown}",
                    ),
                    tr(
                        "Give it in parts, or train with a larger --shape.context.",
                        "Dê a frase em partes, ou treine com --shape.context maior.",
                    ),
                )
        order = sorted(range(len(given)), key=lambda n: len(encoded[n]))
        size = max(1, ROWS // beam)
        found: dict[int, Hypothesis] = {}
        for first in range(0, len(order), size):
            chosen = order[first : first + size]
            sources = [encoded[n] for n in chosen]
            limits = [min(context, LONGER * len(ids) + MORE) for ids in sources]
            best = beam_search(self.model, sources, beam=beam, alpha=alpha, max_tokens=limits, device=self.device)
            found |= {n: hypotheses[0] for n, hypotheses in zip(chosen, best, strict=True)}
        return [
            Translated(
                given[n],
                self.tokenizer.decode(list(found[n].ids)).strip(),
                found[n].log_prob,
                found[n].score,
                found[n].ended,
                encoded[n],
                found[n].ids,
            )
            for n in range(len(given))
        ]

    def nothing(self) -> Translated:
        """The translation of nothing."""
        return Translated("", "", 0.0, 0.0, True, (), ())

    @torch.no_grad()
    def steps(self, translated: Translated, top: int = 5) -> tuple[Step, ...]:
        """Every token of a translation, its end included if it has one, with ``top`` alternatives."""
        inputs, source, lengths, written = self.read_again(translated)
        probabilities = self.model.head(self.model.hidden(inputs, source, lengths))[0].float().softmax(-1)
        steps = []
        for row, token in zip(probabilities, written, strict=True):
            values, places = row.topk(min(top, len(row)))
            others = tuple((self.name(int(i)), float(p)) for p, i in zip(values, places, strict=True))
            steps.append(Step(self.name(token), float(row[token]), others))
        return tuple(steps)

    def alignment(self, translated: Translated) -> Tensor:
        """How much each written token looked at each source token (its end the last), (L, H, T, S) on the CPU."""
        inputs, source, lengths, _ = self.read_again(translated)
        weights: Tensor = self.model.alignments(inputs, source, lengths)[0]
        return weights.float().cpu()

    def name(self, token: int) -> str:
        """A token for display."""
        end: int = self.model.config.end
        return tr("(end)", "(fim)") if token == end else self.tokenizer.token_text(token)

    def read_again(self, translated: Translated) -> tuple[Tensor, Tensor, Tensor, list[int]]:
        """What the decoder reads, the source and its length, and what it then wrote."""
        end = self.model.config.end
        written = [*translated.ids, *([end] if translated.ended else [])]
        inputs = torch.tensor([[end, *written[:-1]]], device=self.device)
        source = torch.tensor([[*translated.source_ids, end]], device=self.device)
        return inputs, source, torch.tensor([source.shape[1]], device=self.device), written
