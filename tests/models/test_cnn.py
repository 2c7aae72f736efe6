"""The convolutional networks: against loops that write the formulas out, padding is unseen, folders keep them."""

import pytest
import torch

from prosa.core.errors import UserError
from prosa.models.cnn import ImageCNN, ImageCNNConfig, TextCNN, TextCNNConfig, load_cnn, save_cnn


def text_cnn(seed: int = 0) -> TextCNN:
    torch.manual_seed(seed)
    return TextCNN(TextCNNConfig(50, 16, ("a", "b", "c"), d_model=6, filters=4)).eval()


@torch.no_grad()
def test_a_filter_keeps_the_best_window_that_begins_at_a_token() -> None:
    model = text_cnn()
    ids = torch.randint(50, (9,))
    found = []
    x = torch.cat([model.embedding(ids), torch.zeros(4, 6)])
    for width, convolution in zip((3, 4, 5), model.convolutions, strict=True):
        for weight, bias in zip(convolution.weight, convolution.bias, strict=True):  # (C, w)
            found.append(max(max(0.0, float((x[t : t + width].T * weight).sum() + bias)) for t in range(9)))
    assert model.hidden(ids[None], torch.tensor([8]))[0].tolist() == pytest.approx(found, abs=1e-6)
    assert model(ids[None], torch.tensor([8]))[0].tolist() == pytest.approx(
        (model.score.weight @ torch.tensor(found) + model.score.bias).tolist(), abs=1e-6
    )


@torch.no_grad()
def test_padding_is_not_seen_and_one_token_is_a_text() -> None:
    model = text_cnn()
    ids = torch.randint(50, (3, 12))
    ends = torch.tensor([0, 6, 11])
    together = model(ids, ends)
    ids[0, 1:], ids[1, 7:] = 17, 3
    assert torch.equal(model(ids, ends), together)
    for row, end, logits in zip(ids, ends, together, strict=True):
        assert torch.allclose(model(row[None, : end + 1], end[None])[0], logits, atol=1e-6)


@torch.no_grad()
def test_the_image_network_is_the_formula() -> None:
    """Written with unfolded windows and plain products."""
    torch.manual_seed(0)
    config = ImageCNNConfig(("a", "b"), 9, 6, channels=2, filters=(3, 4), d_hidden=5, mean=(0.2, 0.3), deviation=(0.5,))
    model = ImageCNN(config).eval()
    images = torch.randint(256, (2, 2, 9, 6), dtype=torch.uint8)

    def layer(x, conv):
        padded = torch.zeros(*x.shape[:2], x.shape[2] + 4, x.shape[3] + 4)
        padded[:, :, 2:-2, 2:-2] = x
        windows = padded.unfold(2, 5, 1).unfold(3, 5, 1)  # (B, D, H, X, 5, 5)
        y = torch.einsum("bdhxij,fdij->bfhx", windows, conv.weight) + conv.bias[:, None, None]
        y = y.clamp(min=0)[:, :, : y.shape[2] // 2 * 2, : y.shape[3] // 2 * 2]
        return torch.stack([y[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]).amax(0)

    x = layer(
        layer((images.double() / 255 - torch.tensor([0.2, 0.3])[:, None, None]).float() / 0.5, model.conv1), model.conv2
    )
    hidden = (x.reshape(2, -1) @ model.full.weight.T + model.full.bias).clamp(min=0)
    expected = hidden @ model.score.weight.T + model.score.bias
    assert model(images).tolist() == [pytest.approx(row, abs=1e-5) for row in expected.tolist()]
    with pytest.raises(UserError, match="images of 3 x 28 pixels are too small"):
        ImageCNN(ImageCNNConfig(("a", "b"), 28, 3))


@torch.no_grad()
def test_folders_keep_them_and_damage_is_refused(tmp_path) -> None:
    model, ids, ends = text_cnn(), torch.randint(50, (2, 5)), torch.tensor([4, 2])
    save_cnn(model, tmp_path / "t")
    again = load_cnn(tmp_path / "t")
    assert again.config == model.config
    assert torch.equal(again(ids, ends), model(ids, ends))
    images = torch.randint(256, (2, 1, 8, 8), dtype=torch.uint8)
    network = ImageCNN(ImageCNNConfig(("sim", "não"), 8, 8, mean=(0.13,), deviation=(0.31,)))
    save_cnn(network, tmp_path / "i")
    assert torch.equal(load_cnn(tmp_path / "i")(images), network(images))
    path = tmp_path / "i" / "config.json"
    path.write_text(path.read_text("utf-8").replace('"d_hidden": 58', '"d_hidden": 57'), "utf-8")
    with pytest.raises(UserError, match=r"tensor full\.weight is not as config\.json says"):
        load_cnn(tmp_path / "i")
