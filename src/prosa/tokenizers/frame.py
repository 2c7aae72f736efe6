"""What stands around a text that is read whole: nothing (a decoder), or ``[CLS]`` before and ``[SEP]`` after (BERT)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.tokenizers.protocol import Tokenizer

CLS, SEP, MASK = "[CLS]", "[SEP]", "[MASK]"


@dataclass(frozen=True)
class Frame:
    """Ids before and after."""

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """How many ids it takes of the context."""
        return len(self.before) + len(self.after)

    def around(self, ids: Sequence[int] | NDArray[np.uint32], context: int) -> NDArray[np.uint32]:
        """The text in its frame, cut at its end to ``context`` ids, (at most ``context``,)."""
        return np.array([*self.before, *ids[: context - self.size], *self.after], np.uint32)

    def cuts(self, ids: Sequence[int] | NDArray[np.uint32], context: int) -> bool:
        """Whether ``around`` leaves some of the text out."""
        return len(ids) + self.size > context


def bert_frame(tokenizer: Tokenizer) -> Frame:
    """``[CLS]`` and ``[SEP]``.

    Raises:
        UserError: the tokenizer lacks them.
    """
    ids = control_ids(tokenizer, CLS, SEP)
    return Frame(ids[:1], ids[1:])


def control_ids(tokenizer: Tokenizer, *names: str) -> tuple[int, ...]:
    """The ids of BERT's control tokens.

    Raises:
        UserError: the tokenizer lacks one.
    """
    missing = [name for name in names if name not in tokenizer.special_tokens]
    if missing:
        lacking = ", ".join(missing)
        raise UserError(
            tr(f"the tokenizer has no {lacking}.", f"o tokenizador não tem {lacking}."),
            tr(
                "BERT needs one with [CLS], [SEP] and [MASK]: prosa pretrain-bert makes it from your text; "
                "by hand: prosa tokenizer train TEXT --out FOLDER --tokenizer.kind wordpiece",
                "O BERT precisa de um com [CLS], [SEP] e [MASK]: prosa pretrain-bert o faz do seu texto; "
                "à mão: prosa tokenizer train TEXTO --out PASTA --tokenizer.kind wordpiece",
            ),
        )
    return tuple(tokenizer.special_tokens[name] for name in names)
