"""What ``prosa train-translation`` can be told. Imports no torch."""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from prosa.core.errors import UserError, unknown
from prosa.core.language import tr
from prosa.train.config import TrainConfig

if TYPE_CHECKING:
    from prosa.models.seq2seq import Seq2Seq
    from prosa.models.transformer import Transformer

Kind = Literal["transformer", "rnn"]
OWN_CONTEXT = 64  # tokens of a sentence, its end included

# name: layers of each side, heads, d_model, d_ff; base and big are the paper's (Vaswani et al. 2017, table 3)
TRANSFORMERS = {
    "tiny": (2, 4, 128, 512),
    "small": (3, 4, 256, 1024),
    "base": (6, 8, 512, 2048),
    "big": (6, 16, 1024, 4096),
}
# name: d_embedding, d_model; base is the paper's RNNsearch (Bahdanau et al. 2014, A.1)
RNNS = {"tiny": (128, 128), "small": (256, 256), "base": (620, 1000)}


@dataclass(frozen=True)
class TranslationShape:
    """A size by name, and what differs from it; 0 leaves a part as the size has it."""

    size: str = "tiny"
    """tiny, small, base (the paper's) or, of the Transformer, big."""
    context: int = 0
    """The longest sentence, in tokens, its end included; pairs with a longer one are left out. 0: 64."""
    n_layer: int = 0
    """Transformer: layers of the encoder, and of the decoder."""
    n_head: int = 0
    """Transformer: heads."""
    d_model: int = 0
    """Width."""
    d_ff: int = 0
    """Transformer: width of the feed-forward layer."""
    d_embedding: int = 0
    """RNN: width of the embeddings."""
    dropout: float = 0.1
    """Share of activations dropped in training."""
    positions: Literal["sinusoidal", "relative"] = "sinusoidal"
    """Transformer: sinusoidal (the paper's), or relative (Transformer-XL's)."""

    def build(self, kind: Kind, vocab_size: int, end: int) -> "Transformer | Seq2Seq":
        """A new model.

        Raises:
            UserError: an unknown size, a part that the model does not have, or a shape that does not fit together.
        """
        names = TRANSFORMERS if kind == "transformer" else RNNS
        if self.size not in names:
            raise unknown(tr(f"size of {kind}", f"tamanho de {kind}"), self.size, names)
        others = ("d_embedding",) if kind == "transformer" else ("n_layer", "n_head", "d_ff")
        foreign = [name for name in others if getattr(self, name)]
        if kind == "rnn" and self.positions != "sinusoidal":
            foreign.append("positions")
        if foreign:
            raise UserError(
                tr(
                    f"--model {kind} has no shape.{foreign[0]}.",
                    f"--model {kind} não tem shape.{foreign[0]}.",
                )
            )
        context = self.context or OWN_CONTEXT
        if kind == "transformer":
            from prosa.models.transformer import Transformer, TransformerConfig

            n_layer, n_head, d_model, d_ff = TRANSFORMERS[self.size]
            layers, d_model = self.n_layer or n_layer, self.d_model or d_model
            return Transformer(
                TransformerConfig(
                    vocab_size,
                    context,
                    end,
                    n_encoder=layers,
                    n_decoder=layers,
                    n_head=self.n_head or n_head,
                    d_model=d_model,
                    d_ff=self.d_ff or (4 * d_model if self.d_model else d_ff),
                    dropout=self.dropout,
                    positions=self.positions,
                )
            )
        from prosa.models.seq2seq import Seq2Seq, Seq2SeqConfig

        d_embedding, d_model = RNNS[self.size]
        return Seq2Seq(
            Seq2SeqConfig(
                vocab_size,
                context,
                end,
                d_embedding=self.d_embedding or d_embedding,
                d_model=self.d_model or d_model,
                dropout=self.dropout,
            )
        )


@dataclass(frozen=True)
class TranslationConfig(TrainConfig):
    """How a translator is trained; what differs from pretraining, and its own."""

    epochs: float = 0.0
    """With steps 0: the most passes over the pairs. 0: no limit."""
    batch_size: int = 32
    """Pairs a step, over the whole step."""
    micro_batch: int = 0
    """Pairs a process computes at once; a divisor of batch_size. 0: as many as the memory takes."""
    document_mask: bool = False
    """Every pair is alone: always false here."""
    optimizer: Literal["adamw", "muon"] = "muon"
    """muon for the matrices of the Transformer's blocks with AdamW for the rest, or adamw for all (RNN: always)."""
    lr: float = 4e-3
    """AdamW's peak learning rate; the original Transformer's is (d_model x warmup_steps) ** -0.5, without muon."""
    embedding_lr: float = 0.0
    """AdamW's peak learning rate for the embeddings. 0: the same as lr."""
    muon_lr: float = 7e-3
    """Muon's peak learning rate (only with optimizer muon)."""
    schedule: Literal["cosine", "linear", "constant", "noam"] = "linear"
    """How the learning rate falls after the warm-up; noam: by the root of the step, the original Transformer's."""
    warmup: float = 0.05
    """Fraction of the steps over which the learning rate rises from 0 to its peak."""
    decay_fraction: float = 0.8
    """With linear: the fraction of the steps, at the end, over which the learning rate falls."""
    betas: tuple[float, float] = (0.9, 0.98)
    """AdamW's decay rates of the two moments."""
    compile: bool | Literal["auto"] = False
    """torch.compile; here every length of a batch would be compiled anew."""
    label_smoothing: float = 0.1
    """Share of each target that is spread over the whole vocabulary."""
    held_out: float = 0.05
    """Share of the pairs that is not trained on but measured on; the same pairs whatever their order."""
    measured: int = 500
    """The most held-out pairs that are translated in the end."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0 <= self.held_out < 1 and 0 <= self.label_smoothing < 1 and self.measured >= 0):
            raise UserError(
                tr(
                    f"translation: held_out is {self.held_out!r} and label_smoothing {self.label_smoothing!r} but must "
                    f"be from 0 to below 1; measured is {self.measured!r} but must be 0 or more.",
                    f"translation: held_out é {self.held_out!r} e label_smoothing {self.label_smoothing!r}, mas devem "
                    f"ser de 0 a menos de 1; measured é {self.measured!r}, mas deve ser 0 ou mais.",
                )
            )
        if self.document_mask:
            raise UserError(
                tr("translation: document_mask must be false.", "translation: document_mask deve ser false.")
            )


def with_minutes(config: TranslationConfig, minutes: float | None) -> TranslationConfig:
    """The configuration with ``--minutes``, where that is given.

    Raises:
        UserError: it cannot be, or the steps are given too.
    """
    if minutes is None:
        return config
    if config.steps:
        raise UserError(
            tr(
                "--minutes and --translation.steps contradict each other.",
                "--minutes e --translation.steps se contradizem.",
            )
        )
    if not minutes > 0:
        raise UserError(
            tr(f"--minutes is {minutes:g} and must be above 0.", f"--minutes é {minutes:g} e deve ser maior que 0.")
        )
    return dataclasses.replace(config, minutes=minutes)
