"""BERT (Devlin et al. 2018, arXiv 1810.04805): an encoder that reads both sides of every token, and its head that says
what stood where a token was masked.

    x = norm(embedding[ids] + position[0, 1, …] + type[types]); x = block(x), n_layer times (nn/block.py: PostNormBlock)
    masked:  logits = embedding · norm(gelu(W x)) + b        pooled:  tanh(P x[0])

Positions are learned, the norms stand after the sums, GELU is exact. Of the original's two objectives this is the
first, masked words; the second, whether a sentence follows another, gained nothing (RoBERTa: Liu et al. 2019, 4.2) and
is not here. Shapes: B batch, T tokens, C = d_model, V = vocab_size.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prosa.core.errors import unknown
from prosa.core.language import tr
from prosa.models.gpt import INIT_STD, too_long
from prosa.models.shape import bad_dropout, refuse, too_small
from prosa.nn.attention import document_mask, plain_attention
from prosa.nn.block import PostNormBlock
from prosa.nn.feedforward import MLP
from prosa.nn.norm import LayerNorm
from prosa.nn.positions import positions_in_documents

SIZES = {  # name: n_layer, d_model, n_head (Devlin et al. 2018; the smaller ones: Turc et al. 2019, arXiv 1908.08962)
    "tiny": (2, 128, 2),
    "mini": (4, 256, 4),
    "small": (4, 512, 8),
    "medium": (8, 512, 8),
    "base": (12, 768, 12),
    "large": (24, 1024, 16),
}


@dataclass(frozen=True)
class BertConfig:
    """An encoder's shape."""

    vocab_size: int
    context: int  # longest text, in tokens, [CLS] and [SEP] included
    n_layer: int
    n_head: int
    d_model: int
    d_ff: int = 0  # width of the feed-forward layer; 0: 4 d_model
    token_types: int = 2
    dropout: float = 0.0  # on embeddings, attention weights, what each half of a block adds, and what is pooled
    norm_eps: float = 1e-12

    def __post_init__(self) -> None:
        object.__setattr__(self, "d_ff", self.d_ff or 4 * self.d_model)

    def check(self) -> None:
        """Refuse a shape that cannot be built.

        Raises:
            UserError: every problem found.
        """
        wrong = too_small(self, vocab_size=1, context=3, n_layer=1, n_head=1, d_model=1, d_ff=1, token_types=1)
        if not wrong and self.d_model % self.n_head:
            fitting = max(1, round(self.d_model / self.n_head)) * self.n_head
            wrong.append(
                tr(
                    f"{self.n_head} heads do not divide d_model {self.d_model}: use d_model {fitting}",
                    f"{self.n_head} cabeças não dividem d_model {self.d_model}: use d_model {fitting}",
                )
            )
        refuse(wrong + bad_dropout(self.dropout))


def by_name(name: str, *, vocab_size: int = 30522, context: int = 512) -> BertConfig:
    """The shape of that name (one of ``SIZES``); the published vocabulary and context unless told.

    Raises:
        UserError: no such name; the nearest is suggested.
    """
    if name not in SIZES:
        raise unknown(tr("size", "tamanho"), name, SIZES)
    n_layer, d_model, n_head = SIZES[name]
    return BertConfig(vocab_size, context, n_layer, n_head, d_model)


def count_parameters(config: BertConfig) -> int:
    """Parameters of embeddings, blocks and pooler, as BERT's are published: 109,482,240 (base) and 335,141,888 (large).

    The masked head (its own matrix, norm and bias; the decoder is the embedding) is not in it, nor a classifier's.
    """
    d = config.d_model
    embeddings = (config.vocab_size + config.context + config.token_types) * d + 2 * d
    block = 4 * (d * d + d) + 2 * d * config.d_ff + config.d_ff + d + 4 * d
    return embeddings + config.n_layer * block + d * d + d


class Bert(nn.Module):
    """The encoder. Weights: normal(0, 0.02), biases 0, norms 1.

    Args:
        pooler: whether it has one: a layer over the first token, for classification.

    Raises:
        UserError: the configuration does not fit together.
    """

    def __init__(self, config: BertConfig, *, pooler: bool = True) -> None:
        super().__init__()
        config.check()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.position_embedding = nn.Embedding(config.context, config.d_model)
        self.type_embedding = nn.Embedding(config.token_types, config.d_model)
        self.norm = LayerNorm(config.d_model, config.norm_eps)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(_block(config) for _ in range(config.n_layer))
        self.pooler = nn.Linear(config.d_model, config.d_model) if pooler else None
        initialise(self)

    def forward(self, ids_BT: Tensor, *, types_BT: Tensor | None = None, documents_BT: Tensor | None = None) -> Tensor:
        """As ``hidden``."""
        return self.hidden(ids_BT, types_BT=types_BT, documents_BT=documents_BT)

    def hidden(self, ids_BT: Tensor, *, types_BT: Tensor | None = None, documents_BT: Tensor | None = None) -> Tensor:
        """What the model makes of each token, (B, T, C).

        Args:
            types_BT: 0 in a first sentence and 1 in a second; None: 0.
            documents_BT: a token sees its own document only, before and after it, and positions begin with each;
                padding is a document of its own (so ``attention_mask`` of other libraries is one). None: a row is one
                document.

        Raises:
            UserError: the text is longer than the model's context.
        """
        tokens = ids_BT.shape[1]
        mask, where_BT = None, torch.arange(tokens, device=ids_BT.device)[None]
        if documents_BT is not None:
            mask, where_BT = document_mask(documents_BT, causal=False), positions_in_documents(documents_BT)
        if tokens > self.config.context and (documents_BT is None or int(where_BT.max()) >= self.config.context):
            raise too_long(tokens, self.config.context)
        types = self.type_embedding.weight[0] if types_BT is None else self.type_embedding(types_BT)
        x_BTC = self.embedding(ids_BT) + self.position_embedding(where_BT)
        x_BTC = self.dropout(self.norm(x_BTC + types.to(x_BTC.dtype)))
        for block in self.blocks:
            x_BTC = block(x_BTC, mask=mask)
        stream_BTC: Tensor = x_BTC
        return stream_BTC

    def pooled(self, first: Tensor) -> Tensor:
        """Of the first token's state, which stands for the whole text: (..., C) -> (..., C)."""
        if self.pooler is None:
            raise ValueError("this encoder has no pooler")
        return torch.tanh(self.pooler(first))


class MaskedLM(nn.Module):
    """An encoder and the head that fills what is masked; the decoder is the embedding.

    It has what the training loop and its objective take: ``config``, ``hidden``, ``head``. The logits at a place say
    what stands *there*.

    Args:
        backbone: taken over, without its pooler.
    """

    def __init__(self, backbone: Bert) -> None:
        super().__init__()
        backbone.pooler = None
        self.config = backbone.config
        self.backbone = backbone
        self.transform = nn.Linear(self.config.d_model, self.config.d_model)
        self.transform_norm = LayerNorm(self.config.d_model, self.config.norm_eps)
        self.bias = nn.Parameter(torch.zeros(self.config.vocab_size))
        for part in (self.transform, self.transform_norm):
            initialise(part)

    def forward(self, ids_BT: Tensor, *, documents_BT: Tensor | None = None) -> Tensor:
        """Logits of what stands at each place, (B, T, V)."""
        return self.head(self.hidden(ids_BT, documents_BT=documents_BT))

    def hidden(self, ids_BT: Tensor, *, documents_BT: Tensor | None = None) -> Tensor:
        """As ``Bert.hidden``."""
        return self.backbone.hidden(ids_BT, documents_BT=documents_BT)

    def head(self, hidden: Tensor) -> Tensor:
        """(..., C) -> (..., V) logits."""
        x = self.transform_norm(F.gelu(self.transform(hidden)))
        return F.linear(x, self.backbone.embedding.weight, self.bias)


@torch.no_grad()
def initialise(module: nn.Module) -> None:
    """Draw the weights anew from torch's generator."""
    for name, parameter in module.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
        elif parameter.ndim == 1:
            nn.init.ones_(parameter)
        else:
            nn.init.normal_(parameter, std=INIT_STD)


def _block(config: BertConfig) -> PostNormBlock:
    attention = plain_attention(config.d_model, config.n_head, causal=False, dropout=config.dropout)
    first, second = (LayerNorm(config.d_model, config.norm_eps) for _ in range(2))
    return PostNormBlock(first, attention, second, MLP(config.d_model, config.d_ff, "gelu"), config.dropout)
