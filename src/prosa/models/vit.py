"""The Vision Transformer (Dosovitskiy et al. 2020, arXiv 2010.11929): an image is a sentence of patches.

    x[0] = class token;  x[i] = E · (pixels of patch i) + b,  each + a learned position          (their eq. 1)
    x = x + attention(norm(x));  x = x + MLP(norm(x))   for each layer, every patch sees all     (2, 3)
    y = W norm(x)[0] + b                                                                         (4)

The blocks are the decoder's (``nn.block``), only that nothing is hidden from attention. ViT-B/16 has 86,567,656
parameters. Its folder is one that ``transformers`` opens (``ViTForImageClassification``).

Shapes: B images of D channels, H rows, X columns; P x P pixels a patch; T = 1 + (H / P)(X / P) tokens; C = d_model; n
classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from prosa.core.errors import UserError
from prosa.core.files import read_json, write_json
from prosa.core.language import tr
from prosa.models.cnn import fill, normalised
from prosa.models.folder import CONFIG, read_config, read_weights, write_folder
from prosa.nn.attention import plain_attention
from prosa.nn.block import Block
from prosa.nn.feedforward import MLP
from prosa.nn.norm import LayerNorm

POSITION_STD = 0.02
MODEL_TYPE, PROCESSOR = "vit", "preprocessor_config.json"


@dataclass(frozen=True)
class ViTConfig:
    """A Vision Transformer's shape, and how pixels become numbers: (value / 255 - mean) / deviation."""

    labels: tuple[str, ...]
    height: int
    width: int
    channels: int = 1
    patch: int = 4
    n_layer: int = 2
    n_head: int = 4
    d_model: int = 64
    d_ff: int = 256
    norm_eps: float = 1e-6
    mean: tuple[float, ...] = (0.0,)
    """Of each channel, or one for all."""
    deviation: tuple[float, ...] = (1.0,)

    @property
    def patches(self) -> int:
        """How many there are in an image."""
        return (self.height // self.patch) * (self.width // self.patch)

    def check(self) -> None:
        """Refuse what does not fit together.

        Raises:
            UserError: patches that do not fill the image, or heads that do not share the width.
        """
        if self.height % self.patch or self.width % self.patch:
            fitting = ", ".join(map(str, fitting_patches(self.height, self.width)))
            raise UserError(
                tr(
                    f"patches of {self.patch} pixels do not fill images of {self.width} x {self.height}.",
                    f"pedaços de {self.patch} pixels não preenchem imagens de {self.width} x {self.height}.",
                ),
                tr(f"These do: {fitting}.", f"Estes preenchem: {fitting}."),
            )
        if self.d_model % self.n_head:
            raise UserError(
                tr(
                    f"d_model {self.d_model} is not divisible by {self.n_head} heads.",
                    f"d_model {self.d_model} não é divisível por {self.n_head} cabeças.",
                )
            )


def fitting_patches(height: int, width: int) -> list[int]:
    """The patches that fill an image, by their side."""
    return [n for n in range(1, min(height, width) + 1) if not height % n and not width % n]


def usual_patch(height: int, width: int) -> int:
    """The one whose side is nearest to a quarter of the image's, or to 16 pixels."""
    return min(fitting_patches(height, width), key=lambda n: abs(n - min(16, min(height, width) / 4)))


class ViT(nn.Module):
    """Says which class an image is of.

    Raises:
        UserError: a shape that does not fit together.
    """

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        config.check()
        self.config = config
        width = config.d_model
        self.patches = nn.Conv2d(config.channels, width, config.patch, stride=config.patch)  # E, for all patches
        self.class_token = nn.Parameter(torch.zeros(width))
        self.position_embedding = nn.Embedding(1 + config.patches, width)
        self.blocks = nn.ModuleList(_block(config) for _ in range(config.n_layer))
        self.norm = LayerNorm(width, config.norm_eps)
        self.score = nn.Linear(width, len(config.labels))
        self.initialise()

    @torch.no_grad()
    def initialise(self) -> None:
        """Draw the weights anew, as the paper's code does: Xavier's uniform for the blocks, deviation 1 / sqrt(inputs)
        for the patches, 0.02 for positions, and zero for the class token, biases and the head."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                nn.init.xavier_uniform_(module.weight)
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        nn.init.normal_(self.patches.weight, std=self.patches.weight[0].numel() ** -0.5)
        nn.init.normal_(self.position_embedding.weight, std=POSITION_STD)
        for parameter in (self.class_token, self.score.weight):
            nn.init.zeros_(parameter)

    @property
    def training_flops(self) -> float:
        """FLOPs of a forward and a backward pass of an image."""
        tokens, config = 1 + self.config.patches, self.config
        matrices = sum(p.numel() for p in self.blocks.parameters() if p.ndim == 2)
        attention = 2 * config.n_layer * tokens * config.d_model
        return 6.0 * (tokens * (matrices + attention + self.patches.weight.numel()) + self.score.weight.numel())

    def forward(self, images_BDHX: Tensor) -> Tensor:
        """(B, D, H, X) uint8 -> (B, n)."""
        return self.head(self.hidden(images_BDHX))

    def hidden(self, images_BDHX: Tensor) -> Tensor:
        """What became of the class token, which has seen all patches: (B, C)."""
        x_BDHX = normalised(images_BDHX, self.config.mean, self.config.deviation)
        x_BTC = self.patches(x_BDHX).flatten(2).transpose(1, 2)
        x_BTC = torch.cat([self.class_token.to(x_BTC.dtype).expand(len(x_BTC), 1, -1), x_BTC], 1)
        x_BTC = x_BTC + self.position_embedding.weight.to(x_BTC.dtype)
        for block in self.blocks:
            x_BTC = block(x_BTC)
        hidden_BC: Tensor = self.norm(x_BTC[:, 0])
        return hidden_BC

    def head(self, hidden: Tensor) -> Tensor:
        """(B, C) -> (B, n)."""
        outputs: Tensor = self.score(hidden)
        return outputs


def _block(config: ViTConfig) -> Block:
    attention = plain_attention(config.d_model, config.n_head, causal=False)
    norms = [LayerNorm(config.d_model, config.norm_eps) for _ in range(2)]
    return Block(norms[0], attention, norms[1], MLP(config.d_model, config.d_ff, "gelu"), 0.0)


_NAMES = {
    "patches": "vit.embeddings.patch_embeddings.projection",
    "norm": "vit.layernorm",
    "score": "classifier",
}
_BLOCK_NAMES = {
    "attention_norm": "layernorm_before",
    "attention.q": "attention.attention.query",
    "attention.k": "attention.attention.key",
    "attention.v": "attention.attention.value",
    "attention.out": "attention.output.dense",
    "feedforward_norm": "layernorm_after",
    "feedforward.up": "intermediate.dense",
    "feedforward.down": "output.dense",
}


def _theirs(name: str) -> str:
    """The name that ``transformers`` has for one of our tensors."""
    if name == "class_token":
        return "vit.embeddings.cls_token"
    if name == "position_embedding.weight":
        return "vit.embeddings.position_embeddings"
    module, _, kind = name.rpartition(".")
    if module.startswith("blocks."):
        _, layer, part = module.split(".", 2)
        return f"vit.encoder.layer.{layer}.{_BLOCK_NAMES[part]}.{kind}"
    return f"{_NAMES[module]}.{kind}"


def save_vit(model: ViT, folder: Path) -> None:
    """Write a folder that ``AutoModelForImageClassification`` opens, with how pixels become numbers.

    Raises:
        UserError: the folder cannot be written or the disk is full.
    """
    c = model.config
    weights = {}
    for name, tensor in model.state_dict().items():
        value = tensor.detach().cpu().contiguous()
        if name in ("class_token", "position_embedding.weight"):
            value = value.view(1, -1, c.d_model)
        weights[_theirs(name)] = value
    config: dict[str, Any] = {
        "architectures": ["ViTForImageClassification"],
        "model_type": MODEL_TYPE,
        "image_size": [c.height, c.width],
        "patch_size": c.patch,
        "num_channels": c.channels,
        "hidden_size": c.d_model,
        "num_hidden_layers": c.n_layer,
        "num_attention_heads": c.n_head,
        "intermediate_size": c.d_ff,
        "hidden_act": "gelu",
        "qkv_bias": True,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "layer_norm_eps": c.norm_eps,
        "id2label": {str(n): label for n, label in enumerate(c.labels)},
        "label2id": {label: n for n, label in enumerate(c.labels)},
        "dtype": "float32",
    }
    processor = {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": True,
        "size": {"height": c.height, "width": c.width},
        "resample": 2,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(c.mean) * (c.channels if len(c.mean) == 1 else 1),
        "image_std": list(c.deviation) * (c.channels if len(c.deviation) == 1 else 1),
    }
    write_json(folder / PROCESSOR, processor)
    write_folder(folder, config, weights)


def load_vit(folder: Path) -> ViT:
    """A Vision Transformer of ours or of that form, on the CPU, in evaluation mode.

    Raises:
        UserError: it is none, or something is missing or damaged.
    """
    mapping, processor = read_config(folder), read_json(folder / PROCESSOR)
    config = _config(mapping, processor, folder / CONFIG)
    weights, file = read_weights(folder)
    model = ViT(config)
    ours = {}
    for name, tensor in model.state_dict().items():
        found = weights.pop(_theirs(name), None)
        if found is not None:
            ours[name] = found.view(tensor.shape) if found.numel() == tensor.numel() else found
    others = {name: tensor for name, tensor in weights.items() if not name.startswith("vit.pooler.")}
    fill(model, ours | others, file)
    return model.eval()


def _config(mapping: Mapping[str, Any], processor: Any, where: Path) -> ViTConfig:
    try:
        size, names = mapping["image_size"], mapping["id2label"]
        height, width = (size, size) if isinstance(size, int) else size
        if mapping["model_type"] != MODEL_TYPE or mapping.get("hidden_act", "gelu") != "gelu":
            raise ValueError(f"{mapping['model_type']}, {mapping.get('hidden_act')}")
        return ViTConfig(
            labels=tuple(str(names[str(n)]) for n in range(len(names))),
            height=int(height),
            width=int(width),
            channels=int(mapping["num_channels"]),
            patch=int(mapping["patch_size"]),
            n_layer=int(mapping["num_hidden_layers"]),
            n_head=int(mapping["num_attention_heads"]),
            d_model=int(mapping["hidden_size"]),
            d_ff=int(mapping["intermediate_size"]),
            norm_eps=float(mapping.get("layer_norm_eps", 1e-12)),
            mean=tuple(map(float, processor["image_mean"])),
            deviation=tuple(map(float, processor["image_std"])),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            tr(f"{where} is no Vision Transformer's: {error}.", f"{where} não é de um Vision Transformer: {error}.")
        ) from error
