"""The word2vec program's files. Text: a line ``V C``, then a line a word, its numbers in decimal; binary: the same
first line, then of each word its UTF-8, a space, C little-endian float32 numbers and a line end (some leave it out).

A text file without the first line, as GloVe's program writes them, is read too. Numbers are written with nine
significant digits, which give back the same float32.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prosa.core.errors import UserError
from prosa.core.files import writing
from prosa.core.language import tr
from prosa.models.word_vectors import WordVectors

SUFFIXES = (".txt", ".vec", ".bin")
_LONGEST = 4096  # bytes of a word: beyond that, the file is something else


def write_vectors(path: Path, words: Sequence[str], vectors: NDArray[np.float32]) -> None:
    """Write words and vectors (V, C): binary where the name ends in ``.bin``, else text.

    Raises:
        UserError: a word has white space in it (the format cannot hold it), or the file cannot be written.
    """
    for word in words:
        if not word or any(c.isspace() for c in word):
            raise UserError(
                tr(f"{path}: the word {word!r} has white space.", f"{path}: a palavra {word!r} tem espaço em branco."),
                tr("This format parts words by spaces.", "Este formato separa palavras por espaços."),
            )
    with writing(path) as temporary, temporary.open("wb") as file:
        file.write(f"{len(words)} {vectors.shape[1]}\n".encode())
        for word, vector in zip(words, vectors, strict=True):
            if path.suffix == ".bin":
                file.write(word.encode("utf-8") + b" " + vector.astype("<f4").tobytes() + b"\n")
            else:
                file.write(f"{word} {' '.join(f'{x:.9g}' for x in vector.tolist())}\n".encode())


def read_vectors(path: Path) -> WordVectors:
    """Words and vectors of a file: binary where its name ends in ``.bin``, else text.

    Raises:
        UserError: it is missing, cut short, or no such file; the word or the line is named.
    """
    if not path.is_file():
        raise UserError(tr(f"{path} is not a file.", f"{path} não é um arquivo."))
    words, rows = _read_binary(path) if path.suffix == ".bin" else _read_text(path)
    if not words:
        raise UserError(tr(f"{path} holds no vector.", f"{path} não tem nenhum vetor."))
    first: dict[str, int] = {}
    for n, word in enumerate(words):
        first.setdefault(word, n)
    if len(first) < len(words):  # the first counts, as in gensim
        words, rows = list(first), rows[list(first.values())]
    return WordVectors(words, np.ascontiguousarray(rows, dtype=np.float32))


def _read_text(path: Path) -> tuple[list[str], NDArray[np.float32]]:
    words: list[str] = []
    rows: list[NDArray[np.float32]] = []
    announced, dim = None, 0
    with path.open("rb") as file:
        for n, line in enumerate(file, start=1):
            word, *numbers = line.decode("utf-8", "replace").rstrip().split(" ")
            if n == 1 and len(numbers) == 1 and word.isdigit() and numbers[0].isdigit():
                announced, dim = int(word), int(numbers[0])
                continue
            dim = dim or len(numbers)
            try:
                row = np.array(numbers, dtype=np.float32)
            except ValueError:
                row = np.zeros(0, np.float32)
            if len(row) != dim or not dim:
                raise UserError(
                    tr(
                        f"{path}, line {n}: expected a word and {dim or 'some'} numbers.",
                        f"{path}, linha {n}: esperava uma palavra e {dim or 'alguns'} números.",
                    ),
                    tr(
                        "A word2vec file has a word and its vector a line; a binary one is named .bin.",
                        "Um arquivo word2vec tem uma palavra e seu vetor por linha; um binário se chama .bin.",
                    ),
                )
            words.append(word)
            rows.append(row)
    if announced not in (None, len(words)):
        raise _cut(path, announced or 0, len(words))
    return words, np.array(rows, dtype=np.float32)


def _read_binary(path: Path) -> tuple[list[str], NDArray[np.float32]]:
    content = path.read_bytes()
    end = content.find(b"\n", 0, 64)
    head = content[: max(end, 0)].split()
    if len(head) != 2 or not all(part.isdigit() for part in head):
        raise UserError(
            tr(
                f"{path} is no binary word2vec file: it does not begin with two numbers.",
                f"{path} não é um arquivo word2vec binário: não começa com dois números.",
            )
        )
    number, dim = int(head[0]), int(head[1])
    words: list[str] = []
    rows = np.empty((min(number, len(content) // (4 * dim + 2) + 1) if dim else 0, dim), dtype=np.float32)
    at = end + 1
    while len(words) < number:
        while content[at : at + 1] == b"\n":
            at += 1
        space = content.find(b" ", at, at + _LONGEST)
        if space < 0 or space + 1 + 4 * dim > len(content):
            raise _cut(path, number, len(words))
        rows[len(words)] = np.frombuffer(content, "<f4", dim, space + 1)
        words.append(content[at:space].decode("utf-8", "replace"))
        at = space + 1 + 4 * dim
    return words, rows


def _cut(path: Path, announced: int, found: int) -> UserError:
    return UserError(
        tr(
            f"{path} is cut short: it announces {announced} words and holds {found}.",
            f"{path} está cortado: anuncia {announced} palavras e tem {found}.",
        ),
        tr("Copy the file again.", "Copie o arquivo de novo."),
    )
