"""``prosa train-images``: labelled pictures -> a classifier in the run's ``classifier/``, and how good it is."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from prosa.align.classify_images import ImageConfig
from prosa.core.errors import UserError
from prosa.core.files import read_json
from prosa.core.language import number, tr
from prosa.core.progress import say, warn
from prosa.corpus.problems import Problems
from prosa.pipeline.run import CLASSIFIER
from prosa.pipeline.stage import TRAINING, Resume, check_same_start, check_wishes, is_done, settled
from prosa.pipeline.tuning import Tuned, begin, complete

if TYPE_CHECKING:
    from prosa.data.images import Images
    from prosa.models.cnn import ImageCNN
    from prosa.models.vit import ViT

Kind = Literal["cnn", "vit"]
MEASURED = 1000  # test images that the curve is drawn from; all are measured in the end


@dataclass(frozen=True)
class ImageShape:
    """The network's shape. The usual ones have equally many parameters for MNIST: 104,850 and 105,098."""

    filters: tuple[int, int] = (16, 32)
    """cnn: filters of the two layers."""
    d_hidden: int = 58
    """cnn: width of the hidden layer."""
    patch: int = 0
    """vit: pixels of a patch's side; it must divide the image's. 0: about a quarter of it, at most 16."""
    n_layer: int = 2
    """vit: layers."""
    d_model: int = 64
    """vit: width; the feed-forward layer has four times as much."""
    n_head: int = 4
    """vit: heads."""

    def __post_init__(self) -> None:
        if min(*self.filters, self.d_hidden, self.n_layer, self.d_model, self.n_head) < 1 or self.patch < 0:
            raise UserError(
                tr("shape: all must be at least 1 (patch: 0).", "shape: tudo deve ser pelo menos 1 (patch: 0).")
            )


@dataclass(frozen=True)
class Configuration:
    """What ``classifier/config.resolved.yaml`` holds."""

    data: Path
    model: Kind
    train: ImageConfig
    shape: ImageShape


def train_images(
    data: Path,
    *,
    out: Path,
    model: Kind = "cnn",
    train: ImageConfig = ImageConfig(),
    shape: ImageShape = ImageShape(),
    resume: Resume = "no",
    force: bool = False,
) -> Tuned:
    """Train a classifier of pictures and measure it on some that it has not seen.

    Args:
        data: A folder with MNIST's files (train-images-idx3-ubyte, also .gz), or with a folder of pictures for each
            class (also train/CLASS and test/CLASS).
        out: Run folder; the classifier goes to its classifier/.
        model: cnn (LeCun et al. 1998), or vit (Vision Transformer, Dosovitskiy et al. 2020).
        train: The training.
        shape: The network's shape.
        resume: auto goes on from the newest good checkpoint or begins; must (or no value) needs one.
        force: Replace a classifier/ that is there.

    Raises:
        UserError: no pictures, pictures of different sizes, fewer than two classes, ``out`` is taken, nothing to
            resume, changed data, training diverged.
        KeyboardInterrupt: after Ctrl-C, with a checkpoint saved.
    """
    check_wishes(resume, force)
    folder, asked = out / CLASSIFIER, Configuration(data, model, train, shape)
    if is_done(folder, asked, resume):
        return Tuned(folder, read_json(folder / TRAINING))
    if resume != "no":
        check_same_start(folder, asked, ("model", "shape"))
    import torch

    from prosa.align.classify import ClassLoss
    from prosa.align.classify_images import image_logits, image_outputs
    from prosa.align.validation import means
    from prosa.data.images import ImageBatches, read_images
    from prosa.evaluate.classification import classification
    from prosa.models.cnn import ImageCNN, save_cnn
    from prosa.models.vit import save_vit
    from prosa.train.loop import fit

    problems = Problems()
    learnt, test = read_images(data, problems)
    for problem in problems.named[:3]:
        warn(tr(f"left out: {problem.source}: {problem.why}", f"deixado de fora: {problem.source}: {problem.why}"))
    _, channels, height, width = learnt.pixels.shape
    say(
        tr(
            f"images: {number(len(learnt))} to learn from, {number(len(test))} to test with, {width} x {height} x "
            f"{channels}, classes: {len(learnt.labels)}",
            f"imagens: {number(len(learnt))} para aprender, {number(len(test))} para testar, {width} x {height} x "
            f"{channels}, classes: {len(learnt.labels)}",
        )
    )
    torch.manual_seed(train.seed)
    network = _network(model, shape, learnt)
    batches = ImageBatches(learnt, batch_size=train.batch_size, seed=train.seed)
    measured = ImageBatches(_some(test), batch_size=train.batch_size, seed=0) if len(test) else None
    begin(folder, asked, resume, force=force, inputs=[data], later=())
    loss = ClassLoss(image_outputs)
    result = fit(
        network,
        loss,
        batches,
        train,
        folder,
        resume=resume != "no",
        data_fingerprint=batches.fingerprint,
        validate=means(loss, measured, "images") if measured else None,
    )
    network.eval()
    began = time.perf_counter()
    said = image_logits(network, test.pixels).argmax(-1).tolist() if len(test) else []
    speed = len(test) / (time.perf_counter() - began)
    network.cpu()
    if isinstance(network, ImageCNN):
        save_cnn(network, folder)
    else:
        save_vit(network, folder)
    parameters = sum(p.numel() for p in network.parameters())
    return complete(
        folder,
        result,
        settled=replace(asked, train=settled(train, result)),
        figures={
            "parameters": parameters,
            "trained_parameters": parameters,
            "epochs": result.steps / batches.steps_per_epoch,
            "labels": list(learnt.labels),
            "images": result.tokens,
            "images_per_second": speed,
            "data": {
                "images": len(learnt),
                "held_out": len(test),
                "bad": problems.count,
                "problems": [f"{p.source}: {p.why}" for p in problems.named],
            },
            "held_out": classification(test.numbers.tolist(), said, learnt.labels).to_json() if said else None,
        },
    )


def _network(kind: Kind, shape: ImageShape, learnt: "Images") -> "ImageCNN | ViT":
    from prosa.models.cnn import ImageCNN, ImageCNNConfig
    from prosa.models.vit import ViT, ViTConfig, usual_patch

    _, channels, height, width = learnt.pixels.shape
    mean = tuple(float(learnt.pixels[:, d].mean()) / 255 for d in range(channels))
    deviation = tuple(max(float(learnt.pixels[:, d].std()) / 255, 1e-3) for d in range(channels))
    if kind == "cnn":
        return ImageCNN(
            ImageCNNConfig(
                learnt.labels, height, width, channels, shape.filters, shape.d_hidden, mean=mean, deviation=deviation
            )
        )
    return ViT(
        ViTConfig(
            learnt.labels,
            height,
            width,
            channels,
            shape.patch or usual_patch(height, width),
            shape.n_layer,
            shape.n_head,
            shape.d_model,
            4 * shape.d_model,
            mean=mean,
            deviation=deviation,
        )
    )


def _some(images: "Images") -> "Images":
    import numpy as np

    n = min(len(images), MEASURED)
    return images.some(np.arange(n) * len(images) // n)
