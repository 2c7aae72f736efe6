"""What ``masking.py`` can be told. Imports no torch."""

from dataclasses import dataclass

from prosa.core.errors import UserError
from prosa.core.language import tr


@dataclass(frozen=True)
class MaskConfig:
    """Which tokens are foreseen, and what stands in their place."""

    share: float = 0.15
    """Share of the tokens (with whole_words: of the words) that are to be foreseen."""
    masked: float = 0.8
    """Share of these that become [MASK]."""
    replaced: float = 0.1
    """Share of these that become a token drawn at random; the others stay as they are."""
    whole_words: bool = False
    """All the pieces of a word are foreseen, or none."""

    def __post_init__(self) -> None:
        shares = self.masked >= 0 and self.replaced >= 0 and self.masked + self.replaced <= 1
        if not 0 < self.share < 1 or not shares:
            raise UserError(
                tr(
                    f"mask: share is {self.share!r} but must be above 0 and below 1; masked ({self.masked!r}) and "
                    f"replaced ({self.replaced!r}) must be 0 or more and at most 1 together.",
                    f"mask: share é {self.share!r}, mas deve ser acima de 0 e abaixo de 1; masked ({self.masked!r}) e "
                    f"replaced ({self.replaced!r}) devem ser 0 ou mais e, juntos, no máximo 1.",
                )
            )
