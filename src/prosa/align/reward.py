"""Reward model: a number for an answer, learnt from which of two answers people prefer.

    P(a before b) = σ(r(a) - r(b))                                        (Bradley and Terry 1952, Biometrika 39)
    loss of a ranking = - 1 / (pairs) Σ log σ(r(better) - r(worse))       over all its pairs: K (K - 1) / 2 without ties

(Ouyang et al. 2022, arXiv 2203.02155, eq. 1.) All answers of a ranking are in one batch element, and each ranking has
the same weight. The loss knows differences only, so that rewards have no zero of their own: after the training they are
shifted by a bias to the mean 0 (ibid., 3.5).

Shapes: B rankings, K answers, T tokens, N answers that are there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from prosa.core.device import DeviceName, choose_device
from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.tokenizers.chat import ChatEncoder, Message
from prosa.tokenizers.protocol import Tokenizer
from prosa.train.config import TrainConfig

if TYPE_CHECKING:
    from torch import Tensor

    from prosa.data.batches import Batch
    from prosa.data.preference_batches import PreferenceBatch
    from prosa.models.scored import ScoredGPT

LABEL = "reward"


@dataclass(frozen=True)
class RewardConfig(TrainConfig):
    """How a reward model is trained; what differs from pretraining, and its own."""

    epochs: float = 2.0
    """With steps 0: the most passes over the rankings. 0: no limit."""
    batch_size: int = 16
    """Rankings a step, over the whole step."""
    micro_batch: int = 0
    """Rankings a process computes at once; a divisor of batch_size. 0: as many as the memory takes."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """adamw, or muon for the hidden matrices with AdamW for the rest."""
    lr: float = 1e-3
    """AdamW's peak learning rate."""
    embedding_lr: float = 0.0
    """AdamW's peak learning rate for the embeddings. 0: the same as lr."""
    schedule: Literal["cosine", "linear", "constant"] = "linear"
    """How the learning rate falls after the warm-up."""
    decay_fraction: float = 0.9
    """With linear: the fraction of the steps, at the end, over which the learning rate falls."""
    held_out: float = 0.1
    """Share of the rankings, by prompt, that are not trained on but measured on."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.held_out < 1:
            raise UserError(
                tr(
                    f"reward: held_out is {self.held_out!r} but must be from 0 to below 1.",
                    f"reward: held_out é {self.held_out!r}, mas deve ser de 0 a menos de 1.",
                )
            )


def rewards_of(model: Any, batch: "PreferenceBatch") -> "Tensor":
    """The rewards of a batch's answers, (B, K) float32; 0 where there is no answer.

    Args:
        model: has ``hidden`` and ``head`` as ``models.scored.ScoredGPT``, of one output.
    """
    from prosa.align.scoring import outputs_of

    there_BK = batch.ends >= 0
    rewards_N = outputs_of(model, batch).squeeze(-1)
    rewards_BK: Tensor = rewards_N.new_zeros(there_BK.shape).masked_scatter(there_BK, rewards_N)
    return rewards_BK


class PairwiseLoss:
    """The loss of rankings, in nats a pair; an objective of ``train.loop`` whose targets are rankings."""

    def __call__(self, model: Any, batch: "Batch") -> "tuple[Tensor, int, dict[str, float]]":
        """See ``train.objectives.Objective``; the batch is a ``PreferenceBatch``.

        Other sums are ``accuracy`` (a ranking's share of pairs whose better answer has the higher reward) and
        ``margin`` (its mean difference of rewards).
        """
        import torch.nn.functional as F

        from prosa.data.preference_batches import PreferenceBatch

        assert isinstance(batch, PreferenceBatch)
        better, worse = batch.better_and_worse
        rewards = rewards_of(model, batch).flatten()
        difference = rewards[better] - rewards[worse]
        there_BP = batch.pairs[..., 0] >= 0

        def mean_B(of_pairs: "Tensor") -> "Tensor":
            """Of the pairs of each ranking."""
            empty_BP = of_pairs.new_zeros(there_BP.shape)
            return empty_BP.masked_scatter(there_BP, of_pairs).sum(1) / there_BP.sum(1)

        known = difference.detach()
        sums = {"accuracy": float(mean_B((known > 0).float()).sum()), "margin": float(mean_B(known).sum())}
        return mean_B(-F.logsigmoid(difference)).sum(), len(there_BP), sums


class RewardModel:
    """Scores answers.

    Args:
        network: moved to the device (in place).
        tokenizer: the one whose ids it knows.
        device: "auto": CUDA, else MPS, else the CPU.

    Raises:
        UserError: the tokenizer has no chat tokens.
    """

    def __init__(self, network: "ScoredGPT", tokenizer: Tokenizer, *, device: DeviceName = "auto") -> None:
        self.network = network.to(choose_device(device)).eval()
        self.tokenizer = tokenizer
        self.encoder = ChatEncoder(tokenizer)

    def score(self, conversations: Sequence[Sequence[Message]]) -> list[float]:
        """The reward of each conversation's last turn, an assistant's.

        Raises:
            UserError: a conversation is longer than the context.
        """
        return self.score_ids([encoded.ids.tolist() for encoded in self.encoder.encode_batch(conversations)])

    def score_ids(self, sequences: Sequence[Sequence[int]]) -> list[float]:
        """The reward of each sequence of ids of this tokenizer, prompt and answer up to its end, in float32.

        A sequence's reward does not depend on the others but for rounding.

        Raises:
            UserError: a sequence is longer than the context.
            ValueError: a sequence is empty.
        """
        from prosa.align.scoring import score_sequences

        found: list[float] = score_sequences(self.network, sequences).squeeze(-1).tolist()
        return found

    def check_tokenizer(self, tokenizer: Tokenizer) -> None:
        """Refuse a tokenizer whose ids are not this model's: needed where ids are scored.

        Raises:
            UserError: it is another.
        """
        if tokenizer.fingerprint != self.tokenizer.fingerprint:
            raise UserError(
                tr(
                    "a reward model of another tokenizer: its ids mean other texts.",
                    "um modelo de recompensa de outro tokenizador: seus ids são outros textos.",
                ),
                tr(
                    "Train the reward model from the same run: prosa reward RUN --data FILE",
                    "Treine o modelo de recompensa a partir da mesma execução: prosa reward EXECUÇÃO --data ARQUIVO",
                ),
            )


def load_reward(folder: Path, *, device: DeviceName = "auto") -> RewardModel:
    """The reward model of a folder that ``prosa reward`` made.

    Raises:
        UserError: it is no reward model, something is missing or damaged, or its tokenizer is not the one it was
            trained with.
    """
    from prosa.models.huggingface import check_tokenizer
    from prosa.models.huggingface_scored import load_scored
    from prosa.models.scored import ScoredGPT
    from prosa.tokenizers.load import load

    network = load_scored(folder)
    if not isinstance(network, ScoredGPT) or len(network.config.labels) != 1:
        raise UserError(
            tr(
                f"{folder} is a classifier ({', '.join(network.config.labels)}), not a reward model.",
                f"{folder} é um classificador ({', '.join(network.config.labels)}), não um modelo de recompensa.",
            )
        )
    tokenizer = load(folder)
    check_tokenizer(folder, tokenizer, network.config.backbone.vocab_size)
    return RewardModel(network.float(), tokenizer, device=device)
