"""Blanks filled by a masked language model: the likeliest tokens at each ``[MASK]``, with their probabilities.

Several blanks are told at once, each from the text with all of them blank: their probabilities are not joint.
"""

import torch

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.generate.filled import Candidate, Filled
from prosa.models.bert import MaskedLM
from prosa.tokenizers.frame import MASK, bert_frame, control_ids
from prosa.tokenizers.protocol import Tokenizer


@torch.no_grad()
def fill(model: MaskedLM, tokenizer: Tokenizer, text: str, *, top: int = 5) -> Filled:
    """What may stand in the blanks of a text.

    Args:
        model: in evaluation mode.
        top: tokens to give for each blank; control tokens are not among them.

    Raises:
        UserError: no blank in the text, or it is longer than the context.
    """
    (mask,), frame = control_ids(tokenizer, MASK), bert_frame(tokenizer)
    pieces = text.split(MASK)
    if len(pieces) == 1:
        raise UserError(
            tr(f"there is no {MASK} in {text!r}.", f"não há {MASK} em {text!r}."),
            tr(f'For example: "O {MASK} roeu a roupa"', f'Por exemplo: "O {MASK} roeu a roupa"'),
        )
    ids, places = list(frame.before), []
    for n, piece in enumerate(pieces):
        if n:
            places.append(len(ids))
            ids.append(mask)
        if tokenizer.kind != "wordpiece" and n < len(pieces) - 1:
            piece = piece.removesuffix(" ")  # it belongs to the token that fills the blank
        ids += tokenizer.encode(piece)
    ids += frame.after
    device = next(model.parameters()).device
    hidden_TC = model.hidden(torch.tensor([ids], device=device))[0]
    probabilities_NV = model.head(hidden_TC[torch.tensor(places, device=device)]).float().softmax(-1)
    probabilities_NV = probabilities_NV[:, : tokenizer.vocab_size]
    control = sorted(tokenizer.special_tokens.values())
    shown_NV = probabilities_NV.clone()
    shown_NV[:, control] = -1.0
    count = max(1, min(top, tokenizer.vocab_size - len(control)))
    return Filled(
        text,
        [
            [Candidate(i, tokenizer.token_text(i), float(row[i])) for i in shown.topk(count).indices.tolist()]
            for row, shown in zip(probabilities_NV, shown_NV, strict=True)
        ],
    )
