"""A model that gives a few numbers for a text in place of a token: a reward, or a logit for each class.

The language head is replaced by a linear layer on what the model makes of one token that has seen all of the text: of a
decoder the last (Radford et al. 2018, 3.2; Ouyang et al. 2022, arXiv 2203.02155, 3.5), of BERT the first, ``[CLS]``,
through its pooler (Devlin et al. 2018, 4.1):

    y = W h[last] (+ b)            h = hidden(ids): (B, T, C);  W: (n, C), zero at first;  y: (B, n)
    y = W tanh(P h[0] + c) + b

Texts of a batch stand at the left; what is after a text's last token cannot be seen by it. Shapes: B texts, T tokens
of the longest, C = d_model, n outputs.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from prosa.models.bert import Bert, BertConfig, initialise
from prosa.models.gpt import GPT, GPTConfig


@dataclass(frozen=True)
class ScoredConfig:
    """A scored model's shape."""

    backbone: GPTConfig | BertConfig  # a decoder's is tied, since there is no language head
    labels: tuple[str, ...]  # what each output is: ("reward",), or the classes
    bias: bool = False

    @property
    def context(self) -> int:
        """The longest text, in tokens."""
        return self.backbone.context


class ScoredGPT(nn.Module):
    """A decoder with a head of ``len(labels)`` outputs, all zero at first.

    Args:
        backbone: taken over, without its language head.
        labels: what each output is.
        bias: whether the head has one. ``transformers`` knows of none: there, outputs lack it.
    """

    reads_first = False  # which token stands for the text

    def __init__(self, backbone: GPT, labels: Sequence[str], *, bias: bool = False) -> None:
        super().__init__()
        if not backbone.config.tied:
            del backbone.unembedding
            backbone.config = dataclasses.replace(backbone.config, tied=True)
        self.config = ScoredConfig(backbone.config, tuple(labels), bias)
        self.backbone = backbone
        table = backbone.embedding.weight
        self.score = nn.Linear(table.shape[1], len(labels), bias=bias, device=table.device, dtype=table.dtype)
        for parameter in self.score.parameters():
            nn.init.zeros_(parameter)

    def forward(self, ids_BT: Tensor, ends_B: Tensor) -> Tensor:
        """(B, T) int64 ids, and where each row's text has its last token -> (B, n).

        Raises:
            UserError: a text is longer than the context.
        """
        return self.head(last(self.hidden(ids_BT), ends_B))

    def hidden(self, ids_BT: Tensor, *, documents_BT: Tensor | None = None) -> Tensor:
        """What the decoder makes of each token, (B, T, C). The arguments are those of ``GPT.hidden``."""
        return self.backbone.hidden(ids_BT, documents_BT=documents_BT)

    def head(self, hidden: Tensor) -> Tensor:
        """(..., C) -> (..., n)."""
        outputs: Tensor = self.score(hidden)
        return outputs


class ScoredBert(nn.Module):
    """BERT with a head of ``len(labels)`` outputs, all zero at first.

    Args:
        backbone: taken over; it gets a pooler where it has none.
        labels: what each output is.
    """

    reads_first = True

    def __init__(self, backbone: Bert, labels: Sequence[str]) -> None:
        super().__init__()
        width, table = backbone.config.d_model, backbone.embedding.weight
        if backbone.pooler is None:
            backbone.pooler = nn.Linear(width, width, device=table.device, dtype=table.dtype)
            initialise(backbone.pooler)
        self.config = ScoredConfig(backbone.config, tuple(labels), bias=True)
        self.backbone = backbone
        self.dropout = nn.Dropout(backbone.config.dropout)
        self.score = nn.Linear(width, len(labels), device=table.device, dtype=table.dtype)
        for parameter in self.score.parameters():
            nn.init.zeros_(parameter)

    def forward(self, ids_BT: Tensor, ends_B: Tensor) -> Tensor:
        """(B, T) int64 ids, and where each row's text has its last token -> (B, n).

        Raises:
            UserError: a text is longer than the context.
        """
        there_BT = torch.arange(ids_BT.shape[1], device=ids_BT.device) <= ends_B[:, None]
        return self.head(self.hidden(ids_BT, documents_BT=None if bool(there_BT.all()) else there_BT.long())[:, 0])

    def hidden(self, ids_BT: Tensor, *, documents_BT: Tensor | None = None) -> Tensor:
        """What the encoder makes of each token, (B, T, C). The arguments are those of ``Bert.hidden``."""
        return self.backbone.hidden(ids_BT, documents_BT=documents_BT)

    def head(self, first: Tensor) -> Tensor:
        """Of first tokens, (..., C) -> (..., n)."""
        outputs: Tensor = self.score(self.dropout(self.backbone.pooled(first)))
        return outputs


Scored = ScoredGPT | ScoredBert


def last(hidden_BTC: Tensor, ends_B: Tensor) -> Tensor:
    """Of each row the state at its end: (B, T, C) -> (B, C)."""
    return hidden_BTC[torch.arange(len(ends_B), device=hidden_BTC.device), ends_B]
