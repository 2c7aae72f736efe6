"""Masked language modelling (Devlin et al. 2018, 3.1): some tokens are chosen to be foreseen from both sides.

Of the chosen, 80 % become ``[MASK]``, 10 % another token drawn at random, 10 % stay: the model cannot know which tokens
it must doubt. With ``whole_words`` a word's pieces are chosen together (Google's BERT, May 2019; each piece is still
masked, replaced or kept by a draw of its own), since a masked piece of a word is easily told from the others.

Rows are ``[CLS]`` ids ``[SEP]``, as ``Batches`` cuts them. What is masked in a row is drawn anew each time it is read
(RoBERTa: Liu et al. 2019, 4.1), from the seed and the row's number alone.

Shapes: B rows, T tokens of a row, V vocabulary.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from prosa.data.batches import IGNORE, Batch, Batches, validation_batches
from prosa.data.mask_config import MaskConfig
from prosa.data.permutation import derive_seed
from prosa.data.shards import TokenFolder, TokenStream
from prosa.tokenizers.frame import MASK, Frame, bert_frame, control_ids
from prosa.tokenizers.protocol import Tokenizer

CONTINUES = "##"  # of WordPiece


@dataclass(frozen=True)
class Maskable:
    """What masking has to know of a tokenizer."""

    frame: Frame
    mask: int  # the id of [MASK]
    ordinary: NDArray[np.bool_]  # (V,): no control token
    begins_inside: NDArray[np.bool_]  # (V,): goes on with a word, if what is before it can be gone on with
    ends_inside: NDArray[np.bool_]  # (V,): what follows may go on with its word

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "Maskable":
        """Read it off a tokenizer.

        Raises:
            UserError: it has no [CLS], [SEP] or [MASK].
        """
        frame, (mask,) = bert_frame(tokenizer), control_ids(tokenizer, MASK)
        size = tokenizer.vocab_size
        ordinary = np.ones(size, np.bool_)
        ordinary[list(tokenizer.special_tokens.values())] = False
        if tokenizer.unknown is not None:
            ordinary[tokenizer.unknown] = False
        if tokenizer.kind == "wordpiece":
            begins = np.array([tokenizer.token_text(i).startswith(CONTINUES) for i in range(size)])
            return cls(frame, mask, ordinary, begins & ordinary, ordinary)
        texts = [tokenizer.token_bytes(i).decode("utf-8", "replace") for i in range(size)]
        begins, ends = (np.array([_letter(text[at : at + 1 or None]) for text in texts]) for at in (0, -1))
        return cls(frame, mask, ordinary, begins & ordinary, ends & ordinary)

    def words(self, ids_T: NDArray[np.int64]) -> NDArray[np.int64]:
        """The number of the word that each token is of, (T,), from 0."""
        inside = self.begins_inside[ids_T[1:]] & self.ends_inside[ids_T[:-1]]
        return np.concatenate([[0], np.cumsum(~inside)]) if len(ids_T) else np.zeros(0, np.int64)


def _letter(character: str) -> bool:
    """Also a part of a character (that of a byte-level token), which no punctuation of Portuguese begins or ends."""
    return character.isalpha() or character == "\ufffd"


def mask_row(
    ids_T: NDArray[np.int64], seed: int, maskable: Maskable, config: MaskConfig
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One row's inputs and targets, (T,) each; targets are ``IGNORE`` where nothing is to be foreseen.

    At least one token is chosen, if there is any that may be.
    """
    draws = np.random.default_rng(seed)
    may_T = maskable.ordinary[ids_T]
    unit_T = maskable.words(ids_T) if config.whole_words else np.arange(len(ids_T))
    luck_T = draws.random(len(ids_T))[unit_T]  # one number a word
    chosen_T = may_T & (luck_T < config.share)
    if may_T.any() and not chosen_T.any():
        chosen_T = may_T & (luck_T == luck_T[may_T].min())
    what_T = draws.random(len(ids_T))
    others_T = draws.choice(np.flatnonzero(maskable.ordinary), len(ids_T))
    inputs_T = np.where(chosen_T & (what_T < config.masked), maskable.mask, ids_T)
    random_T = chosen_T & (what_T >= config.masked) & (what_T < config.masked + config.replaced)
    return np.where(random_T, others_T, inputs_T), np.where(chosen_T, ids_T, IGNORE)


class MaskedBatches:
    """Training batches of masked rows; ``at(step)`` is a pure function of the seed and the step, as ``Batches.at``.

    Args:
        context: T, ``[CLS]`` and ``[SEP]`` included.
        document_mask: a token sees its own document only. ``[CLS]`` is of the first, ``[SEP]`` of the last.
    """

    def __init__(
        self,
        data: TokenFolder | TokenStream | ArrayLike,
        maskable: Maskable,
        config: MaskConfig,
        *,
        context: int,
        batch_size: int,
        seed: int,
        document_mask: bool = False,
    ) -> None:
        self.maskable, self.config, self.seed, self.batch_size = maskable, config, seed, batch_size
        self.plain = Batches(
            data,
            context=context - maskable.frame.size,
            batch_size=batch_size,
            seed=seed,
            document_mask=document_mask,
        )

    @property
    def steps_per_epoch(self) -> int:
        """As ``Batches.steps_per_epoch``."""
        return self.plain.steps_per_epoch

    @property
    def context(self) -> int:
        """T."""
        return self.plain.context + self.maskable.frame.size

    @property
    def tokens_per_step(self) -> int:
        """As ``Batches.tokens_per_step``."""
        return self.plain.tokens_per_step

    @property
    def fingerprint(self) -> str:
        """As ``Batches.fingerprint``."""
        return self.plain.fingerprint

    def epochs(self, steps: int) -> dict[str, float]:
        """As ``Batches.epochs``."""
        return self.plain.epochs(steps)

    def at(self, step: int, rank: int = 0, world: int = 1) -> Batch:
        """The batch of a step, (B / world, T); arguments and errors as ``Batches.at``."""
        batch = self.plain.at(step, rank, world)
        rows = len(batch.inputs)
        first = step * self.batch_size + rank * rows
        return masked(
            batch, [derive_seed(self.seed, "mask", first + r) for r in range(rows)], self.maskable, self.config
        )


def masked(batch: Batch, seeds: list[int], maskable: Maskable, config: MaskConfig) -> Batch:
    """The rows of a batch in their frame and masked, each by its seed.

    Args:
        batch: a row's padding, at its end, has ``IGNORE`` as targets; here it is a document of its own.
    """
    frame, (rows, length) = maskable.frame, batch.inputs.shape
    width, start = length + frame.size, len(frame.before)
    inputs, targets = np.zeros((rows, width), np.int64), np.full((rows, width), IGNORE)
    documents = np.full((rows, width), -1)
    for row, (ids_T, seed) in enumerate(zip(batch.inputs.numpy(), seeds, strict=True)):
        there = length if batch.documents is not None else int((batch.targets[row] != IGNORE).sum())
        text, end = slice(start, start + there), start + there + len(frame.after)
        inputs[row, :start], inputs[row, start + there : end] = frame.before, frame.after
        inputs[row, text], targets[row, text] = mask_row(ids_T[:there], seed, maskable, config)
        documents[row, :end] = 0
        if batch.documents is not None:
            own = batch.documents[row].numpy()
            documents[row] = np.concatenate([own[:1].repeat(start), own, own[-1:].repeat(len(frame.after))])
    needed = batch.documents is not None or bool((documents < 0).any())
    return Batch(*map(torch.from_numpy, (inputs, targets, documents)[: 3 if needed else 2]))


def masked_held_out(
    data: TokenFolder | TokenStream | ArrayLike,
    maskable: Maskable,
    config: MaskConfig,
    *,
    context: int,
    batch_size: int,
    max_windows: int | None = None,
) -> Iterator[Batch]:
    """Held-out windows, masked alike each time; arguments and errors as ``validation_batches``."""
    batches = validation_batches(
        data, context=context - maskable.frame.size, batch_size=batch_size, max_windows=max_windows
    )
    row = 0
    for batch in batches:
        rows = len(batch.inputs)
        yield masked(batch, [derive_seed("held out", row + r) for r in range(rows)], maskable, config)
        row += rows
