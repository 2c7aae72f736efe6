"""Supervised fine-tuning: a base model learns to write the assistant's turns (Ouyang et al. 2022, arXiv 2203.02155).

The loss is pretraining's, next-token cross-entropy, on the assistant's tokens alone; the loop is the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.tokenizers.chat import ChatEncoder
from prosa.train.config import TrainConfig

if TYPE_CHECKING:
    from prosa.data.conversation_batches import ConversationBatches


@dataclass(frozen=True)
class SftConfig(TrainConfig):
    """How a model is fine-tuned on conversations; what differs from pretraining, and its own."""

    epochs: float = 3.0
    """With steps 0: the most passes over the conversations. 0: no limit."""
    embedding_lr: float = 1e-2
    """AdamW's peak learning rate for the embeddings. 0: the same as lr."""
    schedule: Literal["cosine", "linear", "constant"] = "linear"
    """How the learning rate falls after the warm-up."""
    decay_fraction: float = 0.9
    """With linear: the fraction of the steps, at the end, over which the learning rate falls."""
    document_mask: bool = True
    """Conversations in a row never see each other: always true here."""
    held_out: float = 0.05
    """Share of the conversations that are not trained on but measured on; the same ones whatever the order."""
    pack: bool = True
    """Several conversations in a row, none of which sees another."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.held_out < 1 or not self.document_mask:
            raise UserError(
                tr(
                    f"sft: held_out is {self.held_out!r} but must be from 0 to below 1; document_mask must be true.",
                    f"sft: held_out é {self.held_out!r}, mas deve ser de 0 a menos de 1; document_mask deve ser true.",
                )
            )


def validator(batches: "ConversationBatches", config: SftConfig) -> Callable[[Any, int], dict[str, float]]:
    """A function of model and step for ``train.fit``: loss and accuracy over all that ``batches`` holds once.

    ``accuracy`` is the share of the assistant's tokens that are the model's first choice, given all before them.
    """
    import torch

    from prosa.data.batches import IGNORE
    from prosa.train.objectives import NextToken
    from prosa.train.step import rows

    objective = NextToken(config.loss_chunk)

    @torch.no_grad()
    def validate(model: Any, step: int) -> dict[str, float]:
        device = next(model.parameters()).device
        total, count, right = 0.0, 0, 0
        for batch in batches.once():
            part = rows(batch, 0, len(batch.inputs), device)
            loss, n, _ = objective(model, part)
            there = part.targets != IGNORE
            hidden = model.hidden(part.inputs, documents_BT=part.documents)[there]
            for h, t in zip(torch.split(hidden, 1024), torch.split(part.targets[there], 1024), strict=True):
                right += int((model.head(h).argmax(-1) == t).sum())
            total, count = total + float(loss), count + n
        return {"loss": total / count, "accuracy": right / count, "tokens": count}

    return validate


def answers(
    encoder: ChatEncoder, prompts: Sequence[Sequence[Any]], max_tokens: int
) -> Callable[[Any, int], list[dict[str, Any]]]:
    """A function of model and step for ``train.fit``: the greedy answer to each prompt (messages up to a user's)."""
    from prosa.generate.engine import Engine
    from prosa.generate.sampling import Sampling

    ids = [encoder.prompt(messages) for messages in prompts]

    def sample(model: Any, step: int) -> list[dict[str, Any]]:
        device = next(model.parameters()).device.type
        engine = Engine(model, encoder.tokenizer, device=device, precision="float32")
        made = engine.generate(ids, Sampling(temperature=0), max_tokens=max_tokens)
        return [
            {"prompt": messages[-1].content, "text": completion.text}
            for messages, completion in zip(prompts, made, strict=True)
        ]

    return sample
