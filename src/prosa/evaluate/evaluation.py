"""How well a model predicts a text, in figures that can be compared: beside counting, and with their uncertainty.

    nats per token = Σ nats / tokens;  perplexity = exp(nats per token);  bits per byte = Σ nats / (bytes · ln 2)

Bits per byte is the only one of the three that can be compared between tokenizers: its bytes are those of the UTF-8
text. Intervals are a bootstrap over documents or, of a single one, over runs of its tokens (units.py).

Whether the model is better than counting is told by the difference, paired: both predict the same texts, and what is
hard for one is hard for the other, so the interval of their difference is narrower than either's own. The same draws of
units serve both intervals.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from prosa.core.errors import UserError
from prosa.core.interval import bootstrap_ratio
from prosa.core.language import number, tr
from prosa.core.progress import progress, warn
from prosa.data.shards import TokenFolder
from prosa.evaluate.baselines import NAMES, baseline_nats, training_documents
from prosa.evaluate.units import Units, units_of
from prosa.tokenizers.protocol import Tokenizer


@dataclass(frozen=True)
class Difference:
    """The model less the best baseline on the same texts; below 0 the model is better."""

    baseline: str  # its name, the one of lowest nats
    bits_per_byte: float
    interval: tuple[float, float] | None  # 95 %; None: the text is too short for one

    def to_json(self) -> dict[str, Any]:
        """The plain values."""
        return {
            "baseline": self.baseline,
            "bits_per_byte": self.bits_per_byte,
            "interval": None if self.interval is None else list(self.interval),
        }


@dataclass(frozen=True)
class Evaluation:
    """The figures of one model on one text. Baselines are nats a token on the same tokens, None where not measured."""

    nats_per_token: float
    bits_per_byte: float
    tokens: int
    bytes: int
    documents: int
    interval: tuple[float, float] | None  # 95 %, of bits per byte; None: the text is too short for one
    interval_over: Literal["documents", "windows"]
    baselines: dict[str, float | None]
    difference: Difference | None  # None without baselines

    @property
    def perplexity(self) -> float:
        """exp(nats per token): the number of equally likely tokens that would be as hard to guess."""
        return math.exp(min(self.nats_per_token, 700.0))

    def to_json(self) -> dict[str, Any]:
        """What ``prosa evaluate --json`` prints and ``evaluation.json`` holds."""
        return {
            "nats_per_token": self.nats_per_token,
            "bits_per_byte": self.bits_per_byte,
            "perplexity": self.perplexity,
            "tokens": self.tokens,
            "bytes": self.bytes,
            "documents": self.documents,
            "interval": None if self.interval is None else list(self.interval),
            "interval_over": self.interval_over,
            "baselines": dict(self.baselines),
            "difference": None if self.difference is None else self.difference.to_json(),
        }


def evaluate_documents(
    model: Any,
    tokenizer: Tokenizer,
    documents: Iterable[str],
    *,
    train_tokens: Path | None,
    context: int | None = None,
    stride: int | None = None,
    batch: int = 16,
    precision: Literal["float32", "bfloat16"] = "float32",
) -> Evaluation:
    """Measure ``model`` on texts it was not trained on.

    Args:
        model: a ``models.gpt.GPT``, on the device where it shall compute.
        documents: one text each; empty ones are left out.
        train_tokens: the token folder it was trained on, for the baselines; None: they stay None.
        context, stride, batch, precision: as ``loss.token_losses``.

    Raises:
        UserError: there is no text; the tokenizer does not match the model or the token folder; and what
            ``token_losses`` and ``TokenFolder`` raise.
    """
    from prosa.evaluate.loss import token_losses

    if tokenizer.vocab_size > model.config.vocab_size:
        raise UserError(
            tr(
                f"the tokenizer has {number(tokenizer.vocab_size)} ids, the model knows "
                f"{number(model.config.vocab_size)}: they do not match.",
                f"o tokenizador tem {number(tokenizer.vocab_size)} ids e o modelo conhece "
                f"{number(model.config.vocab_size)}: não combinam.",
            ),
            tr("Use the tokenizer of the model's own folder.", "Use o tokenizador da pasta do próprio modelo."),
        )
    folder = None if train_tokens is None else TokenFolder(train_tokens)
    if folder is not None and folder.tokenizer_fingerprint != tokenizer.fingerprint:
        raise UserError(
            tr(
                f"{train_tokens} was made with another tokenizer.",
                f"{train_tokens} foi feita com outro tokenizador.",
            ),
            tr("Give the folder the model was trained on.", "Dê a pasta com que o modelo foi treinado."),
        )
    ids, sizes = _encode(tokenizer, documents)
    tokens = sum(len(d) for d in ids)
    losses: list[NDArray[np.float64]] = []
    with progress(tr("evaluating", "avaliando"), tokens, "tokens") as bar:
        for document in token_losses(
            model,
            ids,
            end_of_text=tokenizer.end_of_text,
            context=context,
            stride=stride,
            batch=batch,
            precision=precision,
        ):
            losses.append(document)
            bar.advance(len(document))
    units = units_of(ids)
    nats, lengths = units.sums(losses), _bytes(units, ids, sizes, tokenizer)
    total = float(nats.sum())
    counted: dict[str, NDArray[np.float64]] = {}
    if folder is not None:
        counted = baseline_nats(
            training_documents(folder),
            ids,
            vocab_size=tokenizer.vocab_size,
            end_of_text=tokenizer.end_of_text,
            units=units,
        )
    return Evaluation(
        nats_per_token=total / tokens,
        bits_per_byte=total / (sum(sizes) * math.log(2)),
        tokens=tokens,
        bytes=sum(sizes),
        documents=len(ids),
        interval=bootstrap_ratio(nats / math.log(2), lengths),
        interval_over=units.over,
        baselines={name: float(counted[name].sum()) / tokens if counted else None for name in NAMES},
        difference=_difference(nats, counted, lengths, sum(sizes)),
    )


def _encode(tokenizer: Tokenizer, documents: Iterable[str]) -> tuple[list[NDArray[np.int64]], list[int]]:
    """Ids (n,) and UTF-8 bytes of every text that has any token."""
    ids, sizes, unknown = [], [], 0
    for text in documents:
        found = np.array(tokenizer.encode(text), dtype=np.int64)
        if len(found):
            ids.append(found)
            sizes.append(len(text.encode("utf-8")))
            unknown += int((found == tokenizer.unknown).sum()) if tokenizer.unknown is not None else 0
    if not ids:
        raise UserError(
            tr("there is no text to evaluate on.", "não há texto para avaliar."),
            tr("Give a file with text: --text FILE.", "Dê um arquivo com texto: --text ARQUIVO."),
        )
    if unknown:
        warn(
            tr(
                f"{number(unknown)} tokens are unknown to this tokenizer: what it cannot write costs the model too "
                "little, and bits per byte looks better than it is.",
                f"{number(unknown)} tokens são desconhecidos deste tokenizador: o que ele não sabe escrever custa "
                "pouco demais ao modelo, e os bits por byte parecem melhores do que são.",
            )
        )
    return ids, sizes


def _bytes(
    units: Units, ids: Sequence[NDArray[np.int64]], sizes: Sequence[int], tokenizer: Tokenizer
) -> NDArray[np.float64]:
    """UTF-8 bytes of each unit, (U,)."""
    if units.over == "documents":
        return np.array(sizes, dtype=np.float64)
    lengths = np.array([len(tokenizer.token_bytes(int(i))) for i in ids[0]], dtype=np.float64)
    lengths *= sizes[0] / max(lengths.sum(), 1.0)  # where tokens do not spell the text exactly
    return units.sums([lengths])


def _difference(
    nats: NDArray[np.float64], baselines: Mapping[str, NDArray[np.float64]], lengths: NDArray[np.float64], n_bytes: int
) -> Difference | None:
    """The model against the best of the baselines; nats and bytes of each unit, (U,)."""
    if not baselines:
        return None
    best = min(baselines, key=lambda name: float(baselines[name].sum()))
    bits = (nats - baselines[best]) / math.log(2)
    return Difference(best, float(bits.sum()) / n_bytes, bootstrap_ratio(bits, lengths))
