"""``prosa train-images``: both networks learn real digits by the one loop, resume exactly, and classify pictures."""

import json
import shutil

import pytest

from prosa.align.classify_images import ImageConfig
from prosa.cli.main import main
from prosa.core.errors import UserError
from prosa.core.language import set_language
from prosa.corpus.problems import Problems
from prosa.data.images import read_images
from prosa.pipeline.classify import classify
from prosa.pipeline.images import ImageShape, train_images

Image = pytest.importorskip("PIL.Image")
QUICK = {"precision": "float32", "workers": 1, "compile": False, "batch_size": 32}


@pytest.mark.parametrize(("kind", "steps", "least"), [("cnn", 50, 0.75), ("vit", 80, 0.4)])
def test_it_learns_resumes_and_answers(kind, steps, least, samples, tmp_path, capsys) -> None:
    mnist = samples / "mnist"
    settings = ImageConfig(steps=steps, checkpoint_every=steps // 2, **QUICK)

    def made(name, resume="no"):
        return train_images(mnist, out=tmp_path / name, model=kind, train=settings, resume=resume)

    first = made("a")
    figures = first.figures
    assert figures["held_out"]["n"] == 200
    assert figures["held_out"]["accuracy"] > least
    assert figures["parameters"] == {"cnn": 104_840, "vit": 105_098}[kind]
    assert figures["images"] == figures["tokens"] == 32 * steps
    assert 0 < figures["train"]["share_of_peak"] < 1
    assert f"{32 * steps:,} images" in capsys.readouterr().err
    weights = (first.folder / "model.safetensors").read_bytes()
    for gone in ("COMPLETE", "model.safetensors", "training.json", "config.json"):
        (first.folder / gone).unlink()
    shutil.rmtree(first.folder / "checkpoints" / f"step_{steps}")
    assert (made("a", "must").folder / "model.safetensors").read_bytes() == weights
    _, test = read_images(mnist, Problems())
    paths = []
    for n in range(40):
        paths.append(tmp_path / f"{n}.png")
        Image.fromarray(test.pixels[n, 0]).save(paths[-1])
    said = classify(str(tmp_path / "a"), tuple(map(str, paths)))
    assert all(sum(p.probabilities.values()) == pytest.approx(1, abs=1e-6) for p in said)
    right = sum(p.label == test.labels[n] for p, n in zip(said, test.numbers, strict=False))
    assert right / 40 > least - 0.15
    Image.fromarray(test.pixels[0, 0]).resize((56, 56)).save(tmp_path / "large.png")
    run, large = str(tmp_path / "a"), str(tmp_path / "large.png")
    assert main(["classify", run, large]) == 2
    assert "large.png has 56 x 56 pixels, not 28 x 28" in capsys.readouterr().err
    assert main(["classify", run, large, "--resize", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["label"] == said[0].label
    with pytest.raises(UserError, match=r"nowhere\.png is not a file"):
        classify(run, ("nowhere.png",))


def test_the_command_speaks_both_languages_and_refuses(samples, tmp_path, capsys) -> None:
    flags = ["--train.steps=2", "--train.batch-size=8", "--train.precision=float32"]
    mnist = str(samples / "mnist")
    assert main(["train-images", mnist, "--out", str(tmp_path / "a"), *flags]) == 0
    shown = capsys.readouterr()
    assert "images: 800 to learn from, 200 to test with, 28 x 28 x 1, classes: 10" in shown.err
    assert "of 200 held-out images are right (95% interval" in shown.out
    assert "tokens" not in shown.out + shown.err
    assert main(["train-images", mnist, "--out", str(tmp_path / "b"), *flags, "--lang", "pt-BR"]) == 0
    shown = capsys.readouterr()
    assert "imagens: 800 para aprender" in shown.err
    assert "de 200 imagens (intervalo de 95%" in shown.out
    set_language(None)
    assert main(["train-images", mnist, "--out", str(tmp_path / "a"), *flags]) == 2
    assert "already exists" in capsys.readouterr().err
    vit = ["--model", "vit", "--shape.patch", "5"]
    assert main(["train-images", mnist, "--out", str(tmp_path / "c"), *flags, *vit]) == 2
    assert "patches of 5 pixels do not fill images of 28 x 28" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()
    with pytest.raises(UserError, match="shape: all must be at least 1"):
        ImageShape(n_head=0)
