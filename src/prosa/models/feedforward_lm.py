"""The feed-forward language model (Bengio et al. 2003, "A Neural Probabilistic Language Model", JMLR 3).

Like an n-gram it sees the last n tokens only; unlike one it sees them as vectors, so that what it learns of a word
holds for words like it:

    x = (embedding[w[t-n+1]], …, embedding[w[t]])          n vectors of width E, one beside the other
    y = b + U tanh(d + H x)  (+ W x, "direct connections")

Before a text, or a document, begins there is nothing: zeros. In the paper's terms ``window`` is n - 1, ``d_embedding``
m and ``d_hidden`` h. For the protocol of language models the hidden state is tanh(d + H x), or (tanh(d + H x), x) with
direct connections, and the head (U, W) in one matrix.

Shapes: B rows, T tokens, N = window, E = d_embedding, C = d_hidden (+ N E), V = vocab_size.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prosa.models.shape import refuse, too_small


@dataclass(frozen=True)
class FeedForwardConfig:
    """A feed-forward language model's shape."""

    vocab_size: int
    context: int  # tokens of a row in training; of these a token sees itself and the window - 1 before it
    window: int
    d_embedding: int
    d_hidden: int
    direct: bool = False  # connections from the embeddings to the logits

    def check(self) -> None:
        """Refuse a shape that cannot be built.

        Raises:
            UserError: every size below 1.
        """
        refuse(too_small(self, vocab_size=1, context=1, window=1, d_embedding=1, d_hidden=1))


class FeedForwardLM(nn.Module):
    """Embeddings of the last tokens, one hidden layer, a head; an untrained one's loss is near ln(vocab_size).

    Raises:
        UserError: the configuration does not fit together (``FeedForwardConfig.check``).
    """

    def __init__(self, config: FeedForwardConfig) -> None:
        super().__init__()
        config.check()
        self.config = config
        seen = config.window * config.d_embedding
        self.embedding = nn.Embedding(config.vocab_size, config.d_embedding)
        self.layer = nn.Linear(seen, config.d_hidden)
        self.unembedding = nn.Linear(config.d_hidden + (seen if config.direct else 0), config.vocab_size)
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        """The first weights: embeddings normal(0, 1), H normal(0, 1 / sqrt(N E)), the head near zero."""
        nn.init.normal_(self.embedding.weight)
        nn.init.normal_(self.layer.weight, std=self.layer.in_features**-0.5)
        nn.init.normal_(self.unembedding.weight, std=0.1 * self.unembedding.in_features**-0.5)
        nn.init.zeros_(self.layer.bias)
        nn.init.zeros_(self.unembedding.bias)

    def forward(self, ids_BT: Tensor, *, documents_BT: Tensor | None = None) -> Tensor:
        """Logits of each next token, (B, T, V)."""
        return self.head(self.hidden(ids_BT, documents_BT=documents_BT))

    def head(self, hidden: Tensor) -> Tensor:
        """Logits from hidden states: (..., C) -> (..., V)."""
        logits: Tensor = self.unembedding(hidden)
        return logits

    def hidden(self, ids_BT: Tensor, *, documents_BT: Tensor | None = None) -> Tensor:
        """What the model makes of the window that ends at each token: (B, T, C).

        Args:
            documents_BT: document numbers, (B, T); a token sees its own document only.
        """
        x_BTX = self.windows(ids_BT, documents_BT)
        hidden_BTC = torch.tanh(self.layer(x_BTX))
        return torch.cat((hidden_BTC, x_BTX), dim=-1) if self.config.direct else hidden_BTC

    def windows(self, ids_BT: Tensor, documents_BT: Tensor | None = None) -> Tensor:
        """The embeddings of the last N tokens, oldest first, one beside the other: (B, T, N E)."""
        before = self.config.window - 1
        x_BTEN = F.pad(self.embedding(ids_BT), (0, 0, before, 0)).unfold(1, before + 1, 1)
        if documents_BT is not None:
            numbers_BTN = F.pad(documents_BT, (before, 0), value=-1).unfold(1, before + 1, 1)
            x_BTEN = x_BTEN * (numbers_BTN == documents_BT[..., None])[:, :, None]
        return x_BTEN.transpose(2, 3).flatten(2)
