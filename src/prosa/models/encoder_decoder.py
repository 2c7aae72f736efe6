"""What the beam search, the objective and the pictures ask of a model that turns one sequence into another.

Source and target are ids of one tokenizer. Both end with ``end``, which also begins what the decoder reads: it reads
[end, y1, …, yn] and predicts [y1, …, yn, end].

Shapes: B sentences, S tokens of the longest source, T of the longest target, C width before the head, V vocabulary.
"""

from typing import Any, Protocol

from torch import Tensor


class Shape(Protocol):
    """What every such model's configuration has."""

    @property
    def vocab_size(self) -> int:
        """V."""
        ...

    @property
    def context(self) -> int:
        """The longest source and the longest target, in tokens, each with its ``end``."""
        ...

    @property
    def end(self) -> int:
        """The id that ends a sequence."""
        ...


class State(Protocol):
    """What a decoder keeps between steps, a row a text."""

    def reorder(self, rows: Tensor) -> None:
        """Row i goes on as row ``rows[i]`` was; only among the rows of one sentence."""
        ...


class EncoderDecoder(Protocol):
    """``models.transformer.Transformer``, ``models.seq2seq.Seq2Seq``."""

    @property
    def config(self) -> Shape:
        """Its shape."""
        ...

    def hidden(self, inputs_BT: Tensor, source_BS: Tensor, lengths_B: Tensor) -> Tensor:
        """What it makes of each target token before the head, (B, T, C); ``lengths_B`` are those of the sources."""
        ...

    def head(self, hidden: Tensor) -> Tensor:
        """(..., C) -> (..., V) logits."""
        ...

    def begin(self, source_BS: Tensor, lengths_B: Tensor, copies: int = 1) -> Any:
        """Read the sources; a ``State`` of B * copies rows, those of a sentence together."""
        ...

    def step(self, state: Any, ids_R: Tensor) -> Tensor:
        """Logits after one more token a row, (R,) -> (R, V); the state goes on."""
        ...

    def alignments(self, inputs_BT: Tensor, source_BS: Tensor, lengths_B: Tensor) -> Tensor:
        """How much each target token's prediction looked at each source token: (B, L, H, T, S), sums over S are 1."""
        ...
