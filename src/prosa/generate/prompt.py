"""A prompt as the model reads it.

A prompt in text is the beginning of a document: it is put in NFC, encoded without special tokens, and preceded by the
tokenizer's end-of-text token, as every document was in training; that token counts in the context. A prompt of ids is
taken as it is. An empty one of either kind starts from end-of-text alone.
"""

import unicodedata
from collections.abc import Sequence

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.core.progress import warn
from prosa.generate.row import Limits
from prosa.tokenizers.protocol import Tokenizer

Prompt = str | Sequence[int]


def read_prompt(prompt: Prompt, number: int, tokenizer: Tokenizer, limits: Limits) -> list[int]:
    """The ids of a prompt, (n,), n >= 1; ``number`` is its place among the prompts, from 1, for messages.

    Raises:
        UserError: it is empty and the tokenizer has no end-of-text token, has ids that are not the tokenizer's, or is
            longer than the context (with ``overflow="slide"`` a warning instead).
    """
    where = f"prompt {number}"
    end = limits.end_of_text
    if isinstance(prompt, str):
        ids = tokenizer.encode(unicodedata.normalize("NFC", prompt))
        ids = ids if end is None else [end, *ids]
    else:
        ids = [int(id) for id in prompt] or ([] if end is None else [end])
    if not ids:
        raise UserError(
            tr(
                f"{where} is empty, and this tokenizer has no end-of-text token to start from.",
                f"o {where} está vazio, e este tokenizador não tem token de fim de texto de onde partir.",
            ),
            tr("Give at least one word.", "Dê pelo menos uma palavra."),
        )
    outside = [id for id in ids if not 0 <= id < tokenizer.vocab_size]
    if outside:
        size = tokenizer.vocab_size
        raise UserError(
            tr(
                f"{where}: token id {outside[0]} is not in the vocabulary of {size}: "
                "the tokenizer does not match the model.",
                f"{where}: o id {outside[0]} não está no vocabulário de {size}: o tokenizador não é o deste modelo.",
            ),
            tr("Encode it with the model's own tokenizer.", "Codifique-o com o tokenizador do próprio modelo."),
        )
    if len(ids) > limits.context:
        if limits.overflow == "stop":
            raise UserError(
                tr(
                    f"{where} has {len(ids)} tokens, the model's context {limits.context}.",
                    f"o {where} tem {len(ids)} tokens, e o contexto do modelo, {limits.context}.",
                ),
                tr(
                    "Shorten it, or use --overflow slide to keep its last part.",
                    "Encurte-o, ou use --overflow slide para ficar com a parte final.",
                ),
            )
        warn(
            tr(
                f"{where} has {len(ids)} tokens; the model sees the last {limits.context}.",
                f"o {where} tem {len(ids)} tokens; o modelo vê os últimos {limits.context}.",
            )
        )
    return ids
