"""Images with a label each: MNIST's files, or a folder of pictures for each class; and batches of them.

    train-images-idx3-ubyte(.gz), train-labels-idx1-ubyte(.gz), t10k-…    the format of LeCun, Cortes & Burges (1998)
    CLASS/picture.png                     or train/CLASS/picture.png and test/CLASS/picture.png

Where there is nothing to test with, about a fifth of each class is held out. All images have one size. Pictures are
grey if the first is, else red, green and blue.

Shapes: N images, B in a batch; D channels, H rows, X columns.
"""

import gzip
import hashlib
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from prosa.core.errors import UserError
from prosa.core.language import number, tr
from prosa.corpus.problems import Problems
from prosa.data.batches import Batch
from prosa.data.labelled import Labelled, folds
from prosa.data.permutation import drawn

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
HELD_OUT_OF = 5  # where no test images are given, one of so many folds
GREY = ("1", "L", "LA", "I", "I;16")


@dataclass(frozen=True)
class Images:
    """Labelled images of one size.

    Attributes:
        pixels: (N, D, H, X) uint8.
        numbers: (N,), which of ``labels`` each is of.
    """

    pixels: NDArray[np.uint8]
    numbers: NDArray[np.int64]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pixels)

    def some(self, which: NDArray[Any]) -> "Images":
        """Those that are asked for."""
        return Images(self.pixels[which], self.numbers[which], self.labels)


@dataclass(frozen=True)
class ImageBatch(Batch):
    """A batch of images: ``inputs`` (B, D, H, X) uint8, ``targets`` (B,), the number of each one's label."""

    @property
    def count(self) -> int:
        """How many images there are."""
        return len(self.inputs)

    @property
    def unit(self) -> str:
        """Images."""
        return tr("images", "imagens")


class ImageBatches:
    """The training batches of images: a pure function of the seed and the step, every image once an epoch."""

    def __init__(self, images: Images, *, batch_size: int, seed: int) -> None:
        self.images, self.batch_size, self.seed = images, batch_size, seed

    @property
    def steps_per_epoch(self) -> int:
        """Steps after which as many images were seen as there are (rounded up)."""
        return -(-len(self.images) // self.batch_size)

    @property
    def fingerprint(self) -> str:
        """Of the pixels and the labels."""
        digest = hashlib.sha256(repr(self.images.pixels.shape).encode() + self.images.numbers.tobytes())
        digest.update(np.ascontiguousarray(self.images.pixels).data)
        return f"images={digest.hexdigest()[:16]}"

    def at(self, step: int, rank: int = 0, world: int = 1) -> ImageBatch:
        """The batch of a step, B / world images: rank r has the r-th part of them."""
        return self._batch(drawn(step, self.batch_size, len(self.images), self.seed, rank, world))

    def once(self) -> Iterator[ImageBatch]:
        """Every image once, in order; the last batch may have fewer."""
        for first in range(0, len(self.images), self.batch_size):
            yield self._batch(np.arange(first, min(first + self.batch_size, len(self.images))))

    def _batch(self, numbers: NDArray[np.int64]) -> ImageBatch:
        return ImageBatch(torch.from_numpy(self.images.pixels[numbers]), torch.from_numpy(self.images.numbers[numbers]))


def read_images(folder: Path, problems: Problems) -> tuple[Images, Images]:
    """The images to learn from and those to test with.

    Raises:
        UserError: there are none, fewer than two classes, other sizes, a damaged file, pillow is missing.
    """
    if not folder.is_dir():
        raise UserError(tr(f"{folder} is not a folder.", f"{folder} não é uma pasta."))
    if _idx_file(folder, "train-images"):
        learnt, test = _mnist(folder, "train"), None
        if _idx_file(folder, "t10k-images"):
            test = _mnist(folder, "t10k")
    elif (folder / "train").is_dir() and (folder / "test").is_dir():
        learnt, test = _pictures(folder / "train", problems), _pictures(folder / "test", problems)
    else:
        learnt, test = _pictures(folder, problems), None
    if len(learnt.labels) < 2:
        raise UserError(
            tr(
                f"{folder} has one class ({learnt.labels[0]}); a classifier needs two or more.",
                f"{folder} tem uma classe ({learnt.labels[0]}); um classificador precisa de duas ou mais.",
            )
        )
    if test is None:
        digests = [hashlib.sha256(image.tobytes()).hexdigest() for image in learnt.pixels]
        items = [Labelled(d, learnt.labels[n], "") for d, n in zip(digests, learnt.numbers, strict=True)]
        held_out = np.array(folds(items, HELD_OUT_OF)) == 0
        return learnt.some(~held_out), learnt.some(held_out)
    strange = sorted(set(test.labels) - set(learnt.labels))
    if strange or test.pixels.shape[1:] != learnt.pixels.shape[1:]:
        what = ", ".join(strange) or _shape(test.pixels.shape)
        raise UserError(
            tr(
                f"{folder}: the test images are not like those to learn from: {what}.",
                f"{folder}: as imagens de teste não são como as de treino: {what}.",
            )
        )
    number_of = {label: n for n, label in enumerate(learnt.labels)}
    numbers = np.array([number_of[test.labels[n]] for n in test.numbers], np.int64)
    return learnt, Images(test.pixels, numbers, learnt.labels)


def read_picture(path: Path, *, grey: bool, height: int, width: int, resize: bool = False) -> NDArray[np.uint8]:
    """A picture as (D, H, X) uint8.

    Args:
        resize: scale one of another size, in place of refusing it.

    Raises:
        UserError: it is none, or of another size.
    """
    try:
        with _pillow().open(path) as opened:
            picture = opened.convert("L" if grey else "RGB")
    except OSError as error:
        raise UserError(tr(f"{path} is no picture: {error}.", f"{path} não é uma imagem: {error}.")) from error
    if picture.size != (width, height):
        if not resize:
            raise UserError(
                tr(
                    f"{path} has {picture.width} x {picture.height} pixels, not {width} x {height}.",
                    f"{path} tem {picture.width} x {picture.height} pixels, e não {width} x {height}.",
                ),
                tr(
                    "Scale it, or let prosa classify do so: --resize.",
                    "Redimensione-a, ou deixe o prosa classify fazer isso: --resize.",
                ),
            )
        picture = picture.resize((width, height))
    return _array(picture)


def _array(picture: Any) -> NDArray[np.uint8]:
    pixels = np.asarray(picture, np.uint8)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _pillow() -> Any:
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise UserError(
            tr("reading pictures needs the package pillow.", "ler imagens exige o pacote pillow."),
            "pip install 'prosa[pictures]'",
        ) from error
    return Image


def _pictures(folder: Path, problems: Problems) -> Images:
    paths = [
        (path, inner.name)
        for inner in sorted(folder.iterdir())
        if inner.is_dir()
        for path in sorted(inner.iterdir())
        if path.suffix.lower() in PICTURES
    ]
    if not paths:
        raise UserError(
            tr(
                f"{folder} has neither MNIST's files (train-images-idx3-ubyte) nor a folder of pictures for each "
                "class.",
                f"{folder} não tem nem os arquivos do MNIST (train-images-idx3-ubyte) nem uma pasta de imagens por "
                "classe.",
            ),
            tr("For example: gato/1.png, gato/2.png, rato/1.png.", "Por exemplo: gato/1.png, gato/2.png, rato/1.png."),
        )
    image, found, names = _pillow(), list[NDArray[np.uint8]](), list[str]()
    mode, size, first = "", (0, 0), paths[0][0]
    for path, label in paths:
        try:
            with image.open(path) as opened:
                mode = mode or ("L" if opened.mode in GREY else "RGB")
                picture = opened.convert(mode)
        except OSError as error:
            problems.add(path.as_posix(), str(error))
            continue
        if not found:
            size, first = picture.size, path
        if picture.size != size:
            raise UserError(
                tr(
                    f"{path} has {picture.width} x {picture.height} pixels, but {first} has {size[0]} x {size[1]}.",
                    f"{path} tem {picture.width} x {picture.height} pixels, mas {first} tem {size[0]} x {size[1]}.",
                ),
                tr("Scale all to one size.", "Redimensione todas para um só tamanho."),
            )
        found.append(_array(picture))
        names.append(label)
    problems.finish(len(paths))
    labels = tuple(sorted(set(names)))
    return Images(np.stack(found), np.array([labels.index(name) for name in names], np.int64), labels)


def _idx_file(folder: Path, stem: str) -> Path | None:
    return next((path for path in sorted(folder.glob(f"{stem}*")) if "ubyte" in path.name), None)


def _mnist(folder: Path, part: str) -> Images:
    images, labels = _idx_file(folder, f"{part}-images"), _idx_file(folder, f"{part}-labels")
    if images is None or labels is None:
        raise UserError(tr(f"{folder}: {part}-labels is missing.", f"{folder}: falta {part}-labels."))
    pixels, numbers = _read_idx(images, 3), _read_idx(labels, 1)
    if len(pixels) != len(numbers) or not len(pixels):
        raise UserError(
            tr(
                f"{images} has {number(len(pixels))} images, but {labels} has {number(len(numbers))} labels.",
                f"{images} tem {number(len(pixels))} imagens, mas {labels} tem {number(len(numbers))} rótulos.",
            )
        )
    names = tuple(str(n) for n in range(int(numbers.max()) + 1))
    return Images(pixels[:, None], numbers.astype(np.int64), names)


def _read_idx(path: Path, axes: int) -> NDArray[np.uint8]:
    """An array of bytes: 0, 0, 8 (bytes), how many axes, each one's length (4 bytes, the largest first), the values."""
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(tr(f"cannot read {path}: {error}", f"não consigo ler {path}: {error}")) from error
    start = 4 + 4 * axes
    shape = [int.from_bytes(content[4 + 4 * n : 8 + 4 * n], "big") for n in range(axes)]
    if content[:4] != bytes([0, 0, 8, axes]) or len(content) != start + math.prod(shape):
        raise UserError(
            tr(
                f"{path} is no idx file of bytes, or cut short.",
                f"{path} não é um arquivo idx de bytes, ou foi cortado.",
            ),
            tr("Copy it again.", "Copie-o de novo."),
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _shape(shape: Sequence[int]) -> str:
    return f"{shape[3]} x {shape[2]} x {shape[1]}"
