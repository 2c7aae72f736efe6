"""The words of a model's embedding table: tokens that are words, or the words of a text."""

import re
import unicodedata

import numpy as np

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.models.gpt import GPT
from prosa.show.inside.embeddings import WordSpace
from prosa.tokenizers.protocol import Tokenizer

_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")


def of_vocabulary(model: GPT, tokenizer: Tokenizer, most: int) -> WordSpace:
    """The first ``most`` tokens that are whole words of three letters or more, by id: merged first, so frequent.

    Raises:
        UserError: there are none.
    """
    special = set(tokenizer.special_tokens.values())
    found: dict[str, int] = {}
    for id in range(min(tokenizer.vocab_size, model.config.vocab_size)):
        try:
            text = "" if id in special else tokenizer.token_bytes(id).decode("utf-8")
        except UnicodeDecodeError:
            continue
        begins = text.startswith(" ") or tokenizer.kind not in ("bpe", "unigram")
        word = text.strip()
        if begins and len(word) >= 3 and _WORD.fullmatch(word):
            found.setdefault(word, id)
        if len(found) == most:
            break
    if not found:
        raise UserError(
            tr("no token of this vocabulary is a word.", "nenhum token deste vocabulário é uma palavra."),
            tr('Give words: --text "king queen man woman"', 'Dê palavras: --text "rei rainha homem mulher"'),
        )
    rows = model.embedding.weight.detach().float().cpu().numpy()[list(found.values())]
    return WordSpace(list(found), rows)


def of_text(model: GPT, tokenizer: Tokenizer, text: str) -> WordSpace:
    """The different words of ``text``; a word's vector is the mean of its tokens' embeddings, as in mid-sentence.

    Raises:
        UserError: there is no word in it, or the tokenizer cannot encode one.
    """
    words = list(dict.fromkeys(_WORD.findall(unicodedata.normalize("NFC", text))))
    if not words:
        raise UserError(
            tr("there is no word in --text.", "não há nenhuma palavra em --text."),
            tr('For example: --text "king queen man woman"', 'Por exemplo: --text "rei rainha homem mulher"'),
        )
    table = model.embedding.weight.detach().float().cpu().numpy()
    spaced = tokenizer.kind in ("bpe", "unigram")
    ids = [tokenizer.encode(f" {word}" if spaced else word) for word in words]
    return WordSpace(words, np.stack([table[each].mean(axis=0) for each in ids]))
