"""ELMo (Peters et al. 2018, "Deep contextualized word representations", arXiv 1802.05365): a word's vector depends on
the sentence it stands in.

    x = words read letter by letter (Kim et al. 2016, arXiv 1508.06615):
        letters -> convolutions of several widths, the largest of each filter -> highway layers -> projection -> norm
    →h_j = LSTM_j(→h_{j-1}) + →h_{j-1}        left to right;  ←h_j the same from right to left;  h_0 = x
    trained:  Σ_t log p(w_{t+1} | →h_L[t]) + log p(w_{t-1} | ←h_L[t]),  one softmax for both
    used:     ELMo_t = γ Σ_j s_j [→h_j[t]; ←h_j[t]],   s = softmax of one learnt number a layer, γ learnt

Two LSTMs, each of one direction, never meet: what a word is foreseen from never holds the word itself. The state has
the width of the output (the paper's is 8 times as wide and projected within the cell), the addition is at every layer
but the first, and the softmax is over the commonest words, all others being one. The norm is ours: without it the word
vectors grew to some 50 in 500 steps, the gates were saturated by the word alone, and no state knew its sentence.

Letters are bytes of UTF-8, with marks for a word's beginning and end, so every word has a vector, known or not.
Shapes: B rows, T words, L bytes of a word, C = d_model (of one direction), J layers of LSTM, V words foreseen.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from prosa.core.config import from_mapping
from prosa.core.errors import UserError
from prosa.core.files import read_json, write_json
from prosa.core.language import tr
from prosa.models.folder import CONFIG, read_config, read_weights, write_folder
from prosa.models.huggingface_weights import bad_weights
from prosa.models.shape import refuse, too_small
from prosa.nn.norm import LayerNorm
from prosa.nn.recurrent import LSTMCell, read

MODEL_TYPE, WORDS = "prosa-elmo", "words.json"
BEGIN, END, PADDING, BYTES = 256, 257, 258, 259


@dataclass(frozen=True)
class ElmoConfig:
    """Its shape."""

    vocab_size: int  # words that are foreseen, the first of which stands for all others
    context: int = 48  # words of a row in training
    d_model: int = 128
    n_layer: int = 2
    d_char: int = 16
    filters: tuple[tuple[int, int], ...] = ((1, 16), (2, 32), (3, 64), (4, 64), (5, 64))  # width, number
    n_highway: int = 1
    longest: int = 20  # bytes of a word, with its marks; what is more is cut off

    def check(self) -> None:
        """Refuse a shape that cannot be built.

        Raises:
            UserError: every field below 1, or no filters.
        """
        refuse(too_small(self, vocab_size=1, context=1, d_model=1, n_layer=1, d_char=1, longest=1))
        widest = max((width for width, _ in self.filters), default=0)
        if not 0 < widest <= self.longest or self.longest < 3 or self.n_highway < 0:
            raise UserError(
                tr(
                    f"this model cannot be built: filters of width {widest} on words of {self.longest} bytes.",
                    f"este modelo não pode ser construído: filtros de largura {widest} em palavras de {self.longest} "
                    "bytes.",
                )
            )


def spell(words: Sequence[str], longest: int) -> NDArray[np.int16]:
    """Words as bytes between marks, (n, L) with ``PADDING`` after; a long word loses its end, not the mark."""
    found = np.full((len(words), longest), PADDING, np.int16)
    for row, word in zip(found, words, strict=True):
        letters = [BEGIN, *word.encode("utf-8", "replace")[: longest - 2], END]
        row[: len(letters)] = letters
    return found


class WordEncoder(nn.Module):
    """Words from their letters: (N, L) bytes -> (N, C)."""

    def __init__(self, config: ElmoConfig) -> None:
        super().__init__()
        self.letters = nn.Embedding(BYTES, config.d_char)
        self.filters = nn.ModuleList(nn.Conv1d(config.d_char, number, width) for width, number in config.filters)
        wide = sum(number for _, number in config.filters)
        self.highways = nn.ModuleList(Highway(wide) for _ in range(config.n_highway))
        self.project = nn.Linear(wide, config.d_model)
        self.norm = LayerNorm(config.d_model)

    def forward(self, letters_NL: Tensor) -> Tensor:
        """(N, L) -> (N, C)."""
        x_NDL = self.letters(letters_NL).transpose(1, 2)
        x_NW = torch.cat([F.relu(convolve(x_NDL).amax(-1)) for convolve in self.filters], dim=-1)
        for highway in self.highways:
            x_NW = highway(x_NW)
        words_NC: Tensor = self.norm(self.project(x_NW))
        return words_NC


class Highway(nn.Module):
    """g ⊙ relu(W x + b) + (1 - g) ⊙ x,  g = σ(W' x + b')  (Srivastava et al. 2015); it begins by carrying x on."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.change, self.gate = nn.Linear(width, width), nn.Linear(width, width)
        nn.init.constant_(self.gate.bias, -1.0)

    def forward(self, x: Tensor) -> Tensor:
        """(..., W) -> (..., W)."""
        g = torch.sigmoid(self.gate(x))
        return g * F.relu(self.change(x)) + (1 - g) * x


class Elmo(nn.Module):
    """The bidirectional language model.

    Raises:
        UserError: the configuration does not fit together.
    """

    def __init__(self, config: ElmoConfig) -> None:
        super().__init__()
        config.check()
        self.config = config
        self.words = WordEncoder(config)
        self.forwards, self.backwards = (
            nn.ModuleList(LSTMCell(config.d_model, config.d_model) for _ in range(config.n_layer)) for _ in range(2)
        )
        self.softmax = nn.Linear(config.d_model, config.vocab_size)

    def forward(self, letters_BTL: Tensor, there_BT: Tensor | None = None) -> list[Tensor]:
        """All layers, J + 1 of (B, T, 2C): the word's own vector twice, then the states of both directions.

        Args:
            letters_BTL: each word's bytes (``spell``).
            there_BT: which are words and not padding, which stands at the end; None: all.
        """
        x_BTC = self._read_words(letters_BTL)
        layers = [torch.cat((x_BTC, x_BTC), dim=-1)]
        left = right = x_BTC
        for layer in range(self.config.n_layer):
            left, right = self._layer(layer, left, right, there_BT)
            layers.append(torch.cat((left, right), dim=-1))
        return layers

    def directions(self, letters_BTL: Tensor) -> tuple[Tensor, Tensor]:
        """The top states, (B, T, C) each: of what is up to a word, and of what is from it on."""
        left = right = self._read_words(letters_BTL)
        for layer in range(self.config.n_layer):
            left, right = self._layer(layer, left, right, None)
        return left, right

    def head(self, hidden: Tensor) -> Tensor:
        """Logits of a neighbouring word: (..., C) -> (..., V)."""
        logits: Tensor = self.softmax(hidden)
        return logits

    def _read_words(self, letters_BTL: Tensor) -> Tensor:
        """(B, T, C); each different word is read once."""
        rows, length = letters_BTL.shape[:2]
        words_UL, where_N = torch.unique(letters_BTL.flatten(0, 1), dim=0, return_inverse=True)
        words_UC: Tensor = self.words(words_UL.long())
        return words_UC[where_N].view(rows, length, -1)

    def _layer(self, layer: int, left: Tensor, right: Tensor, there_BT: Tensor | None) -> tuple[Tensor, Tensor]:
        forth, back = self.forwards[layer], self.backwards[layer]
        assert isinstance(forth, LSTMCell)
        assert isinstance(back, LSTMCell)
        new_left, _ = read(forth, left, there_BT=there_BT)
        turned = None if there_BT is None else there_BT.flip(1)
        new_right = read(back, right.flip(1), there_BT=turned)[0].flip(1)
        return (new_left, new_right) if layer == 0 else (left + new_left, right + new_right)


class LayerMix(nn.Module):
    """What a task makes of the layers: γ Σ_j softmax(s)_j h_j; all alike at first.

    Args:
        layers: how many there are, J + 1.
    """

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(layers))
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """J + 1 of (..., 2C) -> (..., 2C)."""
        weights = self.scores.softmax(0)
        return self.scale * sum((w * h for w, h in zip(weights, layers, strict=True)), torch.zeros_like(layers[0]))


def save_elmo(model: Elmo, folder: Path, words: Sequence[str]) -> None:
    """Write the model, and the words that it foresees, to a folder; no other program opens it.

    Raises:
        UserError: the folder cannot be written or the disk is full.
    """
    config = {"model_type": MODEL_TYPE, **dataclasses.asdict(model.config)}
    write_folder(folder, config, {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()})
    write_json(folder / WORDS, list(words))


def load_elmo(folder: Path) -> tuple[Elmo, list[str]]:
    """The model of a folder, in evaluation mode, and the words that it foresees.

    Raises:
        UserError: it is of another kind, or a file is missing, damaged or does not fit.
    """
    mapping = dict(read_config(folder))
    if mapping.pop("model_type", None) != MODEL_TYPE:
        raise UserError(tr(f"{folder} is no ELMo model.", f"{folder} não é um modelo ELMo."))
    mapping["filters"] = tuple(map(tuple, mapping.get("filters", ())))
    config = from_mapping(ElmoConfig, mapping, str(folder / CONFIG))
    weights, where = read_weights(folder)
    with torch.random.fork_rng(devices=[]):
        model = Elmo(config)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise bad_weights(where, " ".join(str(error).split())) from error
    return model.eval(), [str(word) for word in read_json(folder / WORDS)]
