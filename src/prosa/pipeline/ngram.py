"""``prosa ngram``: what counting knows of a text: entropy by Markov order, and text written from the counts."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.corpus.config import CorpusConfig
from prosa.evaluate.entropy import OrderFigures

Unit = Literal["characters", "words"]
MOST = 6


@dataclass(frozen=True)
class NgramResult:
    """The table, and the text that the highest order wrote."""

    unit: Unit
    vocabulary: int  # distinct tokens of the training text
    train_tokens: int
    held_out_tokens: int
    unknown: int  # held-out tokens that the training text does not have
    orders: list[OrderFigures]
    text: str | None  # prompt and what follows; None: not asked for

    def to_json(self) -> dict[str, Any]:
        """The plain values."""
        return {**vars(self), "orders": [row.to_json() for row in self.orders]}


def ngram(
    paths: tuple[Path, ...],
    *,
    order: int = 5,
    unit: Unit = "characters",
    generate: int = 0,
    prompt: str = "",
    temperature: float = 1.0,
    seed: int = 0,
    corpus: CorpusConfig = CorpusConfig(),
) -> NgramResult:
    """Count a text: how many bits the next character or word is worth once the k before it are known, for every k, in
    the text itself and (Kneser-Ney) in the part of it that is held out; and text written from the counts.

    Args:
        paths: Files and folders of text; cleaned and split as by prosa corpus.
        order: The highest Markov order, 0 to 6: so many tokens are looked back on. Order k counts (k+1)-grams.
        unit: What a token is: characters, or words (blanks are no tokens then).
        generate: So many tokens are written by the highest order.
        prompt: What the written text begins with; nothing: as documents begin.
        temperature: Divides the logarithms of the probabilities; 0 is greedy.
        seed: Of the draws.
        corpus: Rules of reading, cleaning and splitting.

    Raises:
        UserError: an order or number out of range, nothing to read, too little text, or a prompt with a token that the
            text does not have.
    """
    _check(order, generate, temperature)
    import numpy as np

    from prosa.core.progress import progress
    from prosa.corpus import build_corpus, load_corpus
    from prosa.evaluate.entropy import entropy_by_order
    from prosa.models.ngram import KneserNey, count_ngrams
    from prosa.tokenizers.config import END_OF_TEXT, TokenizerConfig
    from prosa.tokenizers.train import train

    with tempfile.TemporaryDirectory() as folder:
        build_corpus(paths, Path(folder) / "corpus", corpus)
        texts = [document.text for document in load_corpus(Path(folder) / "corpus", "train")]
        held_out = [document.text for document in load_corpus(Path(folder) / "corpus", "held_out")]
    kind: Literal["char", "word-v2"] = "char" if unit == "characters" else "word-v2"
    tokenizer = train(texts, TokenizerConfig(kind, special_tokens=(END_OF_TEXT,)))
    start = _start(prompt, tokenizer)
    ids, documents = ([np.array(tokenizer.encode(text), np.int64) for text in part] for part in (texts, held_out))
    if not any(map(len, ids)) or not any(map(len, documents)):
        raise UserError(
            tr("there is too little text to count and to hold some out.", "há pouco texto para contar e reservar."),
            tr("Give more text.", "Dê mais texto."),
        )
    with progress(tr("counting n-grams", "contando n-gramas"), 2, tr("steps", "passos")) as bar:
        counts = count_ngrams(ids, order + 1, tokenizer.vocab_size, tokenizer.end_of_text)
        bar.advance(1)
        rows = entropy_by_order(
            counts,
            documents,
            characters=sum(map(len, held_out)),
            n_bytes=sum(len(text.encode("utf-8")) for text in held_out),
            end_of_text=tokenizer.end_of_text,
        )
        bar.advance(1)
    text = None
    if generate:
        model = KneserNey(order + 1, tokenizer.vocab_size, end_of_text=tokenizer.end_of_text).fit(counts)
        made = model.generate(start, max_tokens=generate, temperature=temperature, seed=seed)
        text = tokenizer.decode([*start, *made.tolist()])
    return NgramResult(
        unit=unit,
        vocabulary=tokenizer.vocab_size - len(tokenizer.special_tokens),
        train_tokens=sum(map(len, ids)),
        held_out_tokens=sum(map(len, documents)),
        unknown=sum(int((d == tokenizer.unknown).sum()) for d in documents),
        orders=rows,
        text=text,
    )


def _check(order: int, generate: int, temperature: float) -> None:
    wrong = []
    if not 0 <= order <= MOST:
        wrong.append(tr(f"--order is {order}, must be from 0 to {MOST}", f"--order é {order}, deve ser de 0 a {MOST}"))
    if generate < 0:
        wrong.append(tr(f"--generate is {generate}, must be 0 or more", f"--generate é {generate}, deve ser 0 ou mais"))
    if not temperature >= 0:
        wrong.append(
            tr(
                f"--temperature is {temperature}, must be 0 or more",
                f"--temperature é {temperature}, deve ser 0 ou mais",
            )
        )
    if wrong:
        raise UserError("; ".join(wrong) + ".")


def _start(prompt: str, tokenizer: Any) -> list[int]:
    """The prompt's ids."""
    import unicodedata

    text = unicodedata.normalize("NFC", prompt)
    spans = tokenizer.spans(text)
    for id, begin, end in spans:
        if id == tokenizer.unknown:
            word = text[begin:end]
            raise UserError(
                tr(
                    f"the prompt has {word!r}, which the text never has.",
                    f"o prompt tem {word!r}, que o texto não tem.",
                ),
                tr("Begin with something of the text.", "Comece com algo que esteja no texto."),
            )
    return [id for id, _, _ in spans]
