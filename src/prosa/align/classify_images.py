"""Classifiers of images: a CNN or a Vision Transformer, trained by the same loop as everything else.

loss = - log softmax(y)[label]        y = model(image)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from prosa.align.classify import Prediction
from prosa.core.device import DeviceName, choose_device
from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.train.config import TrainConfig

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from prosa.models.cnn import ImageCNN
    from prosa.models.vit import ViT

AT_ONCE = 256  # images that are classified together


@dataclass(frozen=True)
class ImageConfig(TrainConfig):
    """How a classifier of images is trained; what differs from pretraining."""

    minutes: float = 3.0
    """With steps 0: how long training may take. 0: no limit."""
    epochs: float = 10.0
    """With steps 0: the most passes over the images. 0: no limit."""
    batch_size: int = 64
    """Images a step, over the whole step."""
    micro_batch: int = 0
    """Images a process computes at once; a divisor of batch_size. 0: as many as the memory takes."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """adamw, or muon for the hidden matrices with AdamW for the rest."""
    lr: float = 2e-3
    """AdamW's peak learning rate."""
    embedding_lr: float = 0.0
    """AdamW's peak learning rate for the position embeddings. 0: the same as lr."""
    decay_fraction: float = 0.9
    """With linear: the fraction of the steps, at the end, over which the learning rate falls."""


def image_outputs(model: Any, batch: Any) -> "Tensor":
    """The outputs of a network for a batch of images, (B, n) float32; for ``align.classify.ClassLoss``."""
    outputs: Tensor = model.head(model.hidden(batch.inputs)).float()
    return outputs


def image_logits(network: "ImageCNN | ViT", pixels: "NDArray[np.uint8]") -> "Tensor":
    """(N, D, H, X) -> (N, n) on the CPU, some images at a time."""
    import torch

    device = next(network.parameters()).device
    with torch.no_grad():
        parts = [torch.from_numpy(pixels[i : i + AT_ONCE].copy()).to(device) for i in range(0, len(pixels), AT_ONCE)]
        return torch.cat([network(part).float().cpu() for part in parts])


class ImageClassifier:
    """Classifies pictures.

    Args:
        network: moved to the device (in place).
        device: "auto": CUDA, else MPS, else the CPU.
    """

    def __init__(self, network: "ImageCNN | ViT", *, device: DeviceName = "auto") -> None:
        self.network = network.to(choose_device(device)).eval()

    def classify(self, paths: Sequence[Path], *, resize: bool = False) -> list[Prediction]:
        """The class of each picture; the text of a prediction is its path.

        Args:
            resize: scale pictures of another size, in place of refusing them.

        Raises:
            UserError: a file is missing, is no picture, or is of another size.
        """
        import numpy as np

        from prosa.data.images import read_picture

        config = self.network.config
        for path in paths:
            if not path.is_file():
                raise UserError(tr(f"{path} is not a file.", f"{path} não é um arquivo."))
        pixels = [
            read_picture(path, grey=config.channels == 1, height=config.height, width=config.width, resize=resize)
            for path in paths
        ]
        found = []
        for path, row in zip(paths, image_logits(self.network, np.stack(pixels)).softmax(-1).tolist(), strict=True):
            probabilities = dict(zip(config.labels, row, strict=True))
            found.append(Prediction(str(path), max(probabilities, key=probabilities.__getitem__), probabilities, False))
        return found


def is_of_images(folder: Path) -> bool:
    """Whether the model in a folder classifies images."""
    from prosa.models.cnn import IMAGE_TYPE
    from prosa.models.folder import read_config
    from prosa.models.vit import MODEL_TYPE

    return read_config(folder).get("model_type") in (IMAGE_TYPE, MODEL_TYPE)


def load_image_classifier(folder: Path, *, device: DeviceName = "auto") -> ImageClassifier:
    """The classifier of a folder that ``prosa train-images`` made, or of a ``ViTForImageClassification``.

    Raises:
        UserError: it is none, or something is missing or damaged.
    """
    from prosa.models.cnn import IMAGE_TYPE, ImageCNN, load_cnn
    from prosa.models.folder import read_config
    from prosa.models.vit import load_vit

    if read_config(folder).get("model_type") != IMAGE_TYPE:
        return ImageClassifier(load_vit(folder), device=device)
    network = load_cnn(folder)
    assert isinstance(network, ImageCNN)
    return ImageClassifier(network, device=device)
