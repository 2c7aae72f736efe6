"""The Vision Transformer: transformers' own on equal weights, the published count, what patches and positions do."""

import json

import pytest
import torch

from prosa.core.errors import UserError
from prosa.models.huggingface_weights import _NoInitialisation
from prosa.models.vit import ViT, ViTConfig, load_vit, save_vit, usual_patch

LABELS = ("a", "b", "c")
SMALL = ViTConfig(
    LABELS, 8, 12, channels=2, n_layer=2, n_head=2, d_model=8, d_ff=16, mean=(0.2, 0.3), deviation=(0.5, 0.4)
)


def vit(config: ViTConfig = SMALL) -> ViT:
    torch.manual_seed(0)
    model = ViT(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=parameter.ndim == 1, std=0.7)
    return model


def images(n: int = 4) -> torch.Tensor:
    return torch.randint(256, (n, 2, 8, 12), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


def test_vit_b_16_has_the_published_parameters() -> None:
    thousand = tuple(map(str, range(1000)))
    with torch.device("meta"), _NoInitialisation():
        model = ViT(ViTConfig(thousand, 224, 224, 3, patch=16, n_layer=12, n_head=12, d_model=768, d_ff=3072))
    assert sum(p.numel() for p in model.parameters()) == 86_567_656


@torch.no_grad()
def test_the_folder_is_transformers_vit_and_says_the_same(tmp_path) -> None:
    transformers = pytest.importorskip("transformers")
    model = vit()
    save_vit(model, tmp_path)
    theirs, told = transformers.AutoModelForImageClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert not told["missing_keys"]
    assert not told["unexpected_keys"]
    assert theirs.config.id2label == dict(enumerate(LABELS))
    processor = json.loads((tmp_path / "preprocessor_config.json").read_text("utf-8"))
    pixels = images().float() * processor["rescale_factor"]
    mean, deviation = (torch.tensor(processor[name])[:, None, None] for name in ("image_mean", "image_std"))
    expected = theirs.eval()((pixels - mean) / deviation).logits
    assert expected.std() > 0.1
    assert torch.allclose(model(images()), expected, atol=1e-5)
    again = load_vit(tmp_path)
    assert again.config == model.config
    assert torch.equal(again(images()), model(images()))
    theirs.save_pretrained(tmp_path / "theirs")  # and what they write
    (tmp_path / "theirs" / "preprocessor_config.json").write_text(json.dumps(processor), "utf-8")
    assert torch.equal(load_vit(tmp_path / "theirs")(images()), model(images()))


@torch.no_grad()
def test_without_positions_patches_are_a_set_and_every_patch_counts() -> None:
    model = vit()
    swapped = images().clone()
    swapped[..., :4, :4], swapped[..., 4:, 8:] = images()[..., 4:, 8:], images()[..., :4, :4]
    assert not torch.allclose(model(swapped), model(images()), atol=1e-3)
    model.position_embedding.weight.zero_()
    assert torch.allclose(model(swapped), model(images()), atol=1e-5)
    for row in (0, 4):
        for column in (0, 4, 8):
            other = images().clone()
            other[..., row, column] = 255 - other[..., row, column]
            assert ((model(other) - model(images())).abs().amax(1) > 1e-4).all()


def test_what_does_not_fit_is_refused(tmp_path) -> None:
    with pytest.raises(UserError, match=r"patches of 4 pixels do not fill images of 27 x 30\.\nThese do: 1, 3\."):
        ViT(ViTConfig(LABELS, 30, 27))
    with pytest.raises(UserError, match="d_model 64 is not divisible by 5 heads"):
        ViT(ViTConfig(LABELS, 28, 28, n_head=5))
    assert [usual_patch(*size) for size in ((28, 28), (32, 32), (224, 224), (48, 30), (13, 13))] == [7, 8, 16, 6, 1]
    save_vit(vit(), tmp_path)
    path = tmp_path / "config.json"
    good = path.read_text("utf-8")
    path.write_text(good.replace('"intermediate_size": 16', '"intermediate_size": 8'), "utf-8")
    with pytest.raises(UserError, match=r"tensor blocks\.0\.feedforward\.up\.weight is not as config\.json says"):
        load_vit(tmp_path)
    path.write_text(good.replace('"hidden_size"', '"hiden_size"'), "utf-8")
    with pytest.raises(UserError, match="is no Vision Transformer's: 'hidden_size'"):
        load_vit(tmp_path)
