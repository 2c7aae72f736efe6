"""Convolutional networks that classify: of texts (Kim 2014, arXiv 1408.5882) and of images (LeCun et al. 1998).

Texts    every filter looks at w tokens at a time and keeps where it finds most of what it looks for:
             c[t] = relu(K · x[t : t + w] + b),  t = 0 … last token;    h = max over t of c[t];    y = W dropout(h) + b
         (widths w = 3, 4, 5 with F filters each; what is after the last token is zero, and no place to look from)
Images   two layers of 5 x 5 filters, after each a ReLU and the largest of every 2 x 2, then a hidden layer:
             h = relu(W flatten(pool(relu(conv(pool(relu(conv(x))))))) + b);    y = W h + b

Shapes: B in a batch; T tokens of the longest text, C width of an embedding; F filters a width; n classes; images have D
channels, H rows and X columns.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prosa.core.config import from_mapping
from prosa.core.errors import UserError
from prosa.core.language import tr
from prosa.models.folder import CONFIG, read_config, read_weights, write_folder

TEXT_TYPE, IMAGE_TYPE = "prosa-text-cnn", "prosa-image-cnn"
WIDTHS = (3, 4, 5)
KERNEL = 5


@dataclass(frozen=True)
class TextCNNConfig:
    """A text CNN's shape."""

    vocab_size: int
    context: int
    """The longest text it reads, in tokens."""
    labels: tuple[str, ...]
    d_model: int = 128
    filters: int = 100
    dropout: float = 0.5


class TextCNN(nn.Module):
    """Says which class a text is of."""

    reads_first = False

    def __init__(self, config: TextCNNConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.convolutions = nn.ModuleList(nn.Conv1d(config.d_model, config.filters, width) for width in WIDTHS)
        self.dropout = nn.Dropout(config.dropout)
        self.score = nn.Linear(len(WIDTHS) * config.filters, len(config.labels))
        nn.init.normal_(self.embedding.weight, std=0.1)

    def forward(self, ids_BT: Tensor, ends_B: Tensor) -> Tensor:
        """(B, T) int64 ids, and where each row's text has its last token -> (B, n)."""
        return self.head(self.hidden(ids_BT, ends_B))

    def hidden(self, ids_BT: Tensor, ends_B: Tensor) -> Tensor:
        """What each filter found at best in each text: (B, 3 F)."""
        there_BT = torch.arange(ids_BT.shape[1], device=ids_BT.device) <= ends_B[:, None]
        x_BCT = (self.embedding(ids_BT) * there_BT[..., None]).transpose(1, 2)
        found = [
            F.relu(convolution(F.pad(x_BCT, (0, width - 1)))).masked_fill(~there_BT[:, None], 0).amax(2)
            for width, convolution in zip(WIDTHS, self.convolutions, strict=True)
        ]
        return torch.cat(found, 1)

    def head(self, hidden: Tensor) -> Tensor:
        """(B, 3 F) -> (B, n)."""
        outputs: Tensor = self.score(self.dropout(hidden))
        return outputs


@dataclass(frozen=True)
class ImageCNNConfig:
    """An image CNN's shape, and how pixels become numbers: (value / 255 - mean) / deviation."""

    labels: tuple[str, ...]
    height: int
    width: int
    channels: int = 1
    filters: tuple[int, int] = (16, 32)
    d_hidden: int = 58
    mean: tuple[float, ...] = (0.0,)
    """Of each channel, or one for all."""
    deviation: tuple[float, ...] = (1.0,)

    @property
    def pooled(self) -> tuple[int, int]:
        """Rows and columns after both poolings."""
        return self.height // 4, self.width // 4


class ImageCNN(nn.Module):
    """Says which class an image is of.

    Raises:
        UserError: images too small to be pooled twice.
    """

    def __init__(self, config: ImageCNNConfig) -> None:
        super().__init__()
        rows, columns = config.pooled
        if not rows or not columns:
            raise UserError(
                tr(
                    f"images of {config.width} x {config.height} pixels are too small: 4 x 4 at least.",
                    f"imagens de {config.width} x {config.height} pixels são pequenas demais: no mínimo 4 x 4.",
                )
            )
        self.config = config
        first, second = config.filters
        self.conv1 = nn.Conv2d(config.channels, first, KERNEL, padding=KERNEL // 2)
        self.conv2 = nn.Conv2d(first, second, KERNEL, padding=KERNEL // 2)
        self.full = nn.Linear(second * rows * columns, config.d_hidden)
        self.score = nn.Linear(config.d_hidden, len(config.labels))

    @property
    def training_flops(self) -> float:
        """FLOPs of a forward and a backward pass of an image."""
        config = self.config
        first, second = (conv.weight.numel() for conv in (self.conv1, self.conv2))
        pixels = config.height * config.width
        return 6.0 * (pixels * first + pixels / 4 * second + self.full.weight.numel() + self.score.weight.numel())

    def forward(self, images_BDHX: Tensor) -> Tensor:
        """(B, D, H, X) uint8 -> (B, n)."""
        return self.head(self.hidden(images_BDHX))

    def hidden(self, images_BDHX: Tensor) -> Tensor:
        """What the head reads, (B, d_hidden)."""
        x = normalised(images_BDHX, self.config.mean, self.config.deviation)
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return F.relu(self.full(x.flatten(1)))

    def head(self, hidden: Tensor) -> Tensor:
        """(B, d_hidden) -> (B, n)."""
        outputs: Tensor = self.score(hidden)
        return outputs


def normalised(images_BDHX: Tensor, mean: tuple[float, ...], deviation: tuple[float, ...]) -> Tensor:
    """Pixels 0 … 255 as numbers around 0, float32."""
    mean_D11, deviation_D11 = (images_BDHX.new_tensor(v, dtype=torch.float32)[:, None, None] for v in (mean, deviation))
    return (images_BDHX.float() / 255 - mean_D11) / deviation_D11


def save_cnn(model: TextCNN | ImageCNN, folder: Path) -> None:
    """Write configuration and weights.

    Raises:
        UserError: the folder cannot be written or the disk is full.
    """
    kind = TEXT_TYPE if isinstance(model, TextCNN) else IMAGE_TYPE
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_folder(folder, {"model_type": kind, **asdict(model.config)}, weights)


def load_cnn(folder: Path) -> TextCNN | ImageCNN:
    """The network in a folder, on the CPU, in evaluation mode.

    Raises:
        UserError: it has none, or it is damaged.
    """
    config = dict(read_config(folder))
    kind = config.pop("model_type", None)
    where = (folder / CONFIG).as_posix()
    if kind not in (TEXT_TYPE, IMAGE_TYPE):
        raise UserError(tr(f"{folder} has no CNN.", f"{folder} não tem uma CNN."))
    weights, file = read_weights(folder)
    if kind == TEXT_TYPE:
        model: TextCNN | ImageCNN = TextCNN(from_mapping(TextCNNConfig, config, where))
    else:
        model = ImageCNN(from_mapping(ImageCNNConfig, config, where))
    fill(model, weights, file)
    return model.eval()


def fill(model: nn.Module, weights: dict[str, Tensor], file: str) -> None:
    """Put named tensors into a model.

    Raises:
        UserError: one is missing, of another shape, or of another model.
    """
    there = model.state_dict()
    for name in (*there, *weights):
        if name not in there or name not in weights or there[name].shape != weights[name].shape:
            raise UserError(
                tr(
                    f"{file}: tensor {name} is not as config.json says.",
                    f"{file}: o tensor {name} não é como diz config.json.",
                ),
                tr("Copy the model folder again.", "Copie a pasta do modelo de novo."),
            )
    model.load_state_dict(weights)
