"""Which BERT to train: a size by name, and any part of the shape by hand."""

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prosa.models.bert import BertConfig


@dataclass(frozen=True)
class BertChoice:
    """A size by name, and what differs from it; 0 leaves a part as the size has it."""

    size: str = "mini"
    """tiny (2 layers, width 128), mini (4, 256), small (4, 512), medium (8, 512), base (12, 768), large (24, 1024)."""
    context: int = 128
    """Longest text the model reads at once, in tokens, [CLS] and [SEP] included."""
    n_layer: int = 0
    """Layers."""
    d_model: int = 0
    """Width."""
    n_head: int = 0
    """Heads; a divisor of the width."""
    d_ff: int = 0
    """Width of the feed-forward layer; 0: four times d_model."""
    dropout: float = 0.0
    """Share of activations dropped in training (the published models: 0.1)."""

    def config(self, vocab_size: int) -> "BertConfig":
        """The model's shape for a vocabulary.

        Raises:
            UserError: an unknown size, or a shape that does not fit together.
        """
        from prosa.models.bert import by_name

        base = by_name(self.size, vocab_size=vocab_size, context=self.context)
        given = {name: getattr(self, name) for name in ("n_layer", "d_model", "n_head") if getattr(self, name)}
        config = dataclasses.replace(base, **given, d_ff=self.d_ff, dropout=self.dropout)
        config.check()
        return config
