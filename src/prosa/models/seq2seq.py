"""The recurrent encoder-decoder with attention (Bahdanau, Cho & Bengio 2014, "Neural machine translation by jointly
learning to align and translate", arXiv 1409.0473).

    encoder   h_j = [GRU→(x_1 … x_j); GRU←(x_S … x_j)]                         an annotation of each source token
    start     s_0 = tanh(W_s h←_1)
    decoder   c_i = Σ_j α_ij h_j, α_i = softmax_j v · tanh(W s_{i-1} + U h_j)  what it looks at (nn/additive.py)
              s_i = GRU([E y_{i-1}; c_i], s_{i-1})
    output    t_i = maxout(U_o s_i + V_o E y_{i-1} + C_o c_i), logits = E t_i  the larger of each two entries

One embedding E serves source, target and head, as in the Transformer beside it, with which it is compared (the paper
has three tables). The output reads s_i, as in the paper's section 3.1 (its appendix has s_{i-1}).

Shapes: B sentences, S source tokens, T target tokens, C = d_model, H = 2 C annotations, V = vocab_size. Sources stand
at the left of their rows; what is after a row's length is seen by nothing.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prosa.models.shape import bad_dropout, refuse, too_small
from prosa.nn.additive import AdditiveAttention
from prosa.nn.recurrent import GRUCell, read


@dataclass(frozen=True)
class Seq2SeqConfig:
    """Its shape; the paper's RNNsearch has d_embedding 620 and d_model 1000."""

    vocab_size: int
    context: int  # the longest source or target, in tokens
    end: int  # the id that ends a sequence, and begins what the decoder reads
    d_embedding: int = 620
    d_model: int = 1000  # of each direction of the encoder, of the decoder, and of the attention's network
    dropout: float = 0.0  # of the embeddings, and of what the head reads; the paper has none

    def check(self) -> None:
        """Refuse a shape that cannot be built.

        Raises:
            UserError: with every problem.
        """
        refuse(too_small(self, vocab_size=1, context=1, d_embedding=1, d_model=1) + bad_dropout(self.dropout))


@dataclass
class Source:
    """What the decoder reads of the sources: annotations, the attention's keys, and which are there."""

    annotations_BSH: Tensor
    keys_BSA: Tensor
    there_BS: Tensor


@dataclass
class Seq2SeqState:
    """What decoding keeps."""

    source: Source
    s_BC: Tensor

    def reorder(self, rows: Tensor) -> None:
        """See ``encoder_decoder.State``; the source's are the same for all rows of a sentence."""
        self.s_BC = self.s_BC[rows]


class Seq2Seq(nn.Module):
    """The model, with torch's first weights and embeddings normal(0, 1 / sqrt(d_embedding)).

    Raises:
        UserError: the configuration does not fit together.
    """

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        config.check()
        self.config = config
        embedded, width = config.d_embedding, config.d_model
        self.embedding = nn.Embedding(config.vocab_size, embedded)
        self.dropout = nn.Dropout(config.dropout)
        self.forwards, self.backwards = GRUCell(embedded, width), GRUCell(embedded, width)
        self.start = nn.Linear(width, width)
        self.attention = AdditiveAttention(width, 2 * width, width)
        self.decoder = GRUCell(embedded + 2 * width, width)
        self.output = nn.Linear(width + embedded + 2 * width, 2 * embedded)
        nn.init.normal_(self.embedding.weight, std=embedded**-0.5)

    def forward(self, inputs_BT: Tensor, source_BS: Tensor, lengths_B: Tensor) -> Tensor:
        """Logits of each next target token, (B, T, V)."""
        return self.head(self.hidden(inputs_BT, source_BS, lengths_B))

    def head(self, hidden: Tensor) -> Tensor:
        """(..., E) -> (..., V) logits."""
        return F.linear(hidden, self.embedding.weight)

    def hidden(self, inputs_BT: Tensor, source_BS: Tensor, lengths_B: Tensor) -> Tensor:
        """What the head reads for each target token, t_i: (B, T, E)."""
        return self._decoded(inputs_BT, source_BS, lengths_B)[0]

    @torch.no_grad()
    def alignments(self, inputs_BT: Tensor, source_BS: Tensor, lengths_B: Tensor) -> Tensor:
        """The attention's weights, (B, 1, 1, T, S)."""
        return self._decoded(inputs_BT, source_BS, lengths_B)[1][:, None, None]

    def encode(self, source_BS: Tensor, lengths_B: Tensor) -> tuple[Source, Tensor]:
        """What is read of the sources, and the decoder's first state (B, C)."""
        there_BS = torch.arange(source_BS.shape[1], device=source_BS.device) < lengths_B[:, None]
        x_BSE = self._embedded(source_BS)
        rightwards, _ = read(self.forwards, x_BSE, there_BT=there_BS)
        leftwards, (first_BC,) = read(self.backwards, x_BSE.flip(1), there_BT=there_BS.flip(1))
        annotations_BSH = torch.cat([rightwards, leftwards.flip(1)], dim=-1)
        source = Source(annotations_BSH, self.attention.keys(annotations_BSH), there_BS)
        return source, torch.tanh(self.start(first_BC))

    def begin(self, source_BS: Tensor, lengths_B: Tensor, copies: int = 1) -> Seq2SeqState:
        """See ``encoder_decoder.EncoderDecoder``."""
        source, s_BC = self.encode(source_BS, lengths_B)
        parts = (source.annotations_BSH, source.keys_BSA, source.there_BS)
        return Seq2SeqState(
            Source(*(part.repeat_interleave(copies, 0) for part in parts)), s_BC.repeat_interleave(copies, 0)
        )

    def step(self, state: Seq2SeqState, ids_R: Tensor) -> Tensor:
        """See ``encoder_decoder.EncoderDecoder``."""
        y_RE = self._embedded(ids_R)
        state.s_BC, c_RH, _ = self._next(self._from_embedding(y_RE), state.s_BC, state.source)
        return self.head(self._output(state.s_BC, y_RE, c_RH))

    def _embedded(self, ids: Tensor) -> Tensor:
        x: Tensor = self.dropout(self.config.d_embedding**0.5 * self.embedding(ids))
        return x

    def _decoded(self, inputs_BT: Tensor, source_BS: Tensor, lengths_B: Tensor) -> tuple[Tensor, Tensor]:
        """What the head reads, (B, T, E), and the weights, (B, T, S)."""
        source, s_BC = self.encode(source_BS, lengths_B)
        y_BTE = self._embedded(inputs_BT)
        states, contexts, looks = [], [], []
        for from_y_BG in self._from_embedding(y_BTE).unbind(1):
            s_BC, c_BH, weights_BS = self._next(from_y_BG, s_BC, source)
            states.append(s_BC)
            contexts.append(c_BH)
            looks.append(weights_BS)
        hidden_BTE = self._output(torch.stack(states, 1), y_BTE, torch.stack(contexts, 1))
        return hidden_BTE, torch.stack(looks, 1)

    def _from_embedding(self, y: Tensor) -> Tensor:
        """The embedding's part of what the decoder's GRU makes of [E y; c]: for all tokens in one product."""
        gates = self.decoder.input
        return F.linear(y, gates.weight[:, : self.config.d_embedding], gates.bias)

    def _next(self, from_y_BG: Tensor, s_BC: Tensor, source: Source) -> tuple[Tensor, Tensor, Tensor]:
        """The state after one more token, what was looked at (B, H), and the weights (B, S)."""
        c_BH, weights_BS = self.attention(s_BC, source.annotations_BSH, source.keys_BSA, source.there_BS)
        gates_BG = from_y_BG + F.linear(c_BH, self.decoder.input.weight[:, self.config.d_embedding :])
        (s_BC,) = self.decoder.step(gates_BG, (s_BC,))
        return s_BC, c_BH, weights_BS

    def _output(self, s: Tensor, y: Tensor, c: Tensor) -> Tensor:
        both = self.output(torch.cat([s, y, c], dim=-1))
        dropped: Tensor = self.dropout(both.unflatten(-1, (-1, 2)).amax(-1))
        return dropped
