"""The rungs of the ladder: what each is, how large it may be, and how it learns. One place to add another.

A rung of kind "counts" has nothing to choose but its order. One of kind "network" comes in sizes, smallest first, of
which the budget chooses (``ladder_size.py``), by the same rule for all. All learn as ``prosa pretrain`` does, with
a short warm-up and a linear fall over the last 60 %; rates were tried on 200 steps of Machado de Assis, for each kind:

    decoders, recurrent   Muon 0.02 for the blocks' matrices, AdamW 4e-3 for the rest, 2e-2 for embeddings
                          (an LSTM: 2.64 bits per byte; with AdamW alone 3.19 at 4e-3, 2.94 at 1e-2)
    feed-forward          AdamW 1e-2 for all (2.65; 2.81 at 4e-3, 3.31 at 1e-3; with Muon 2.70)

Recurrent ones compute in float32: a state that is added to for a hundred steps loses what bfloat16 has no digits for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from prosa.core.errors import unknown
from prosa.core.language import tr
from prosa.models.ngram import MAX_ORDER
from prosa.pipeline import ladder_masked

if TYPE_CHECKING:
    from prosa.models.bert import MaskedLM
    from prosa.models.language_model import LanguageModel

Kind = Literal["counts", "network", "masked"]
CONTEXT, BATCH = 128, 16  # bytes a network reads back at most, and windows a step: the same for all networks

_DECODERS = ((2, 64), (3, 96), (4, 128), (4, 192), (6, 256), (6, 384), (8, 512), (12, 768))  # layers, width
_RECURRENT = (64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536)  # width
_FEED_FORWARD = (128, 256, 512, 1024, 2048, 4096)  # width of the hidden layer
_WINDOW = 10  # bytes that the feed-forward model sees
_FLOAT32 = {"precision": "float32"}


@dataclass(frozen=True)
class Rung:
    """A language model, and how it is made.

    Attributes:
        kind: counts; network, which is trained for its share of the time; masked, a network that reads both ways, whose
            figure is a pseudo-likelihood and stands apart.
        paper: where it comes from.
        order: of counts; 0 is uniform.
        shapes: of a network, the sizes there are, smallest first.
        train: of a network, what differs from the defaults of ``TrainConfig``.
    """

    name: str
    kind: Kind
    paper: str
    order: int = 0
    shapes: tuple[Mapping[str, Any], ...] = ()
    train: Mapping[str, Any] = field(default_factory=dict)


def _counts() -> list[Rung]:
    return [
        Rung("uniform", "counts", "", 0),
        Rung("unigram", "counts", "Shannon 1948", 1),
        *(Rung(f"kn{n}", "counts", "Kneser & Ney 1995", n) for n in range(2, MAX_ORDER + 1)),
    ]


def _networks() -> list[Rung]:
    feed_forward = tuple(
        {"window": _WINDOW, "d_embedding": max(16, width // 16), "d_hidden": width} for width in _FEED_FORWARD
    )
    recurrent = tuple({"n_layer": 1, "d_model": width} for width in _RECURRENT)
    decoders = tuple({"n_layer": n, "d_model": width, "n_head": max(2, width // 64)} for n, width in _DECODERS)
    return [
        Rung(
            "feed-forward",
            "network",
            "Bengio et al. 2003",
            shapes=feed_forward,
            train={"lr": 1e-2, "embedding_lr": 1e-2},
        ),
        Rung("rnn", "network", "Elman 1990; Mikolov et al. 2010", shapes=recurrent, train=_FLOAT32),
        Rung("lstm", "network", "Hochreiter & Schmidhuber 1997", shapes=recurrent, train=_FLOAT32),
        Rung("gru", "network", "Cho et al. 2014", shapes=recurrent, train=_FLOAT32),
        Rung("gpt-classic", "network", "Vaswani et al. 2017; Radford et al. 2019", shapes=decoders),
        Rung("gpt-modern", "network", "Qwen3, 2025", shapes=decoders),
        Rung("gpt-speedrun", "network", "Jordan et al. 2024", shapes=decoders),
        Rung("bert", "masked", "Devlin et al. 2018", shapes=decoders),
    ]


RUNGS: dict[str, Rung] = {rung.name: rung for rung in (*_counts(), *_networks())}


def chosen(names: tuple[str, ...]) -> tuple[str, ...]:
    """The rungs that are asked for (``a b`` or ``a,b``; none: all), in the ladder's order.

    Raises:
        UserError: one is not there; the nearest is suggested.
    """
    asked = [part.strip() for name in names for part in name.split(",") if part.strip()]
    for name in asked:
        if name not in RUNGS:
            raise unknown(tr("rung", "degrau"), name, RUNGS)
    return tuple(name for name in RUNGS if not asked or name in asked)


def build(rung: Rung, shape: Mapping[str, Any], vocab_size: int, context: int) -> "LanguageModel | MaskedLM":
    """A network of a shape, with weights drawn from torch's generator."""
    if rung.kind == "masked":
        return ladder_masked.build(shape, context)
    from prosa.models.feedforward_lm import FeedForwardConfig, FeedForwardLM
    from prosa.models.gpt import GPT, GPTConfig
    from prosa.models.recurrent import RecurrentConfig, RecurrentLM

    if rung.name == "feed-forward":
        return FeedForwardLM(FeedForwardConfig(vocab_size, context, **shape))
    if rung.name in ("rnn", "lstm", "gru"):
        return RecurrentLM(RecurrentConfig(vocab_size, context, kind=rung.name, **shape))  # type: ignore[arg-type]
    return GPT(GPTConfig(vocab_size, context, shape=rung.name.removeprefix("gpt-"), **shape))  # type: ignore[arg-type]
