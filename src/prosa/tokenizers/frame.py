"""What stands around a text that is read whole: nothing (a decoder), or ``[CLS]`` before and ``[SEP]`` after (BERT)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


def for_transformers(special: Mapping[str, int]) -> tuple[dict[str, str], dict[str, Any] | None]:
    """What other libraries must be told of BERT's control tokens, where they are there.

    Returns:
        entries of tokenizer_config.json, and the post-processor of tokenizer.json that puts the frame around a text.
    """
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "cls", "sep", "mask")}
    settings = {name: token for name, token in names.items() if token in special}
    if CLS not in special or SEP not in special:
        return settings, None
    first = [_token(CLS, 0), {"Sequence": {"id": "A", "type_id": 0}}, _token(SEP, 0)]
    return settings, {
        "type": "TemplateProcessing",
        "single": first,
        "pair": [*first, {"Sequence": {"id": "B", "type_id": 1}}, _token(SEP, 1)],
        "special_tokens": {name: {"id": name, "ids": [special[name]], "tokens": [name]} for name in (CLS, SEP)},
    }


def _token(name: str, type_id: int) -> dict[str, Any]:
    return {"SpecialToken": {"id": name, "type_id": type_id}}


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
