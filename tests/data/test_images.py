"""Images from MNIST's files and from folders of pictures, their batches, and what is wrong with some."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

from prosa.core.errors import UserError
from prosa.corpus.problems import Problems
from prosa.data.images import ImageBatches, read_images, read_picture

Image = pytest.importorskip("PIL.Image")


@pytest.fixture(scope="module")
def mnist(samples) -> Path:
    return samples / "mnist"


@pytest.fixture
def pictures(mnist, tmp_path) -> Path:
    """A folder a class, of MNIST's first images."""
    learnt, _ = read_images(mnist, Problems())
    for n in range(80):
        folder = tmp_path / "pictures" / f"digit {learnt.numbers[n]}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(learnt.pixels[n, 0]).save(folder / f"{n}.png")
    (tmp_path / "pictures" / "NOTE.txt").write_text("not a picture")
    return tmp_path / "pictures"


def test_mnists_files_are_read_as_they_are(mnist) -> None:
    learnt, test = read_images(mnist, Problems())
    assert learnt.pixels.shape == (800, 1, 28, 28)
    assert learnt.numbers[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]  # as published
    assert test.numbers[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert learnt.labels == tuple("0123456789")
    assert learnt.pixels[0, 0, 5].tolist()[12:24] == [3, 18, 18, 18, 126, 136, 175, 26, 166, 255, 247, 127]


def test_pictures_in_folders_are_the_same_images(mnist, pictures) -> None:
    learnt, _ = read_images(mnist, Problems())
    first, held_out = read_images(pictures, Problems())
    assert first.labels == tuple(f"digit {n}" for n in range(10))
    assert len(first) + len(held_out) == 80
    assert {len(held_out)} <= set(range(10, 22))
    found = {image.tobytes(): label for part in (first, held_out) for image, label in zip(
        part.pixels, part.numbers, strict=True)}  # fmt: skip
    assert found == {image.tobytes(): n for image, n in zip(learnt.pixels[:80], learnt.numbers[:80], strict=True)}
    (pictures / "digit 0" / "broken.png").write_bytes(b"\x89PNG nothing")
    problems = Problems()
    again, _ = read_images(pictures, problems)
    assert len(again) == len(first)
    assert problems.named[0].source.endswith("digit 0/broken.png")
    for part in ("train", "test"):
        shutil.copytree(pictures, pictures.parent / "both" / part)
    assert [len(images) for images in read_images(pictures.parent / "both", Problems())] == [80, 80]
    shutil.rmtree(pictures.parent / "both" / "train" / "digit 3")
    with pytest.raises(UserError, match=r"the test images are not like those to learn from: digit 3"):
        read_images(pictures.parent / "both", Problems())


def test_colours_are_kept_where_the_first_picture_has_them(tmp_path) -> None:
    for label, colour in (("azul", (0, 0, 255)), ("vermelho", (255, 0, 0))):
        (tmp_path / label).mkdir()
        for n in range(3):
            Image.new("RGB", (6, 4), (*colour[:1], n, *colour[2:])).save(tmp_path / label / f"{n}.png")
    learnt, held_out = read_images(tmp_path, Problems())
    assert learnt.pixels.shape[1:] == (3, 4, 6)
    assert learnt.pixels[learnt.numbers == 0][0, :, 0, 0].tolist()[::2] == [0, 255]
    assert len(held_out) == 2


def test_a_batch_is_a_function_of_the_step_and_an_epoch_has_every_image_once(mnist) -> None:
    images, _ = read_images(mnist, Problems())
    images = images.some(np.arange(30))
    batches = ImageBatches(images, batch_size=10, seed=1)
    assert batches.steps_per_epoch == 3
    seen = [image.numpy().tobytes() for step in range(3) for image in batches.at(step).inputs]
    assert sorted(seen) == sorted(image.tobytes() for image in images.pixels)
    again = batches.at(2)
    assert again.inputs.equal(batches.at(2).inputs)
    assert (again.count, again.unit) == (10, "images")
    halves = [batches.at(2, rank, 2).inputs.tolist() for rank in (0, 1)]
    assert halves[0] + halves[1] == again.inputs.tolist()
    assert [len(batch.inputs) for batch in ImageBatches(images, batch_size=8, seed=0).once()] == [8, 8, 8, 6]
    assert ImageBatches(images.some(np.arange(29)), batch_size=10, seed=1).fingerprint != batches.fingerprint


def test_what_is_wrong_is_named(mnist, pictures, tmp_path, monkeypatch) -> None:
    def refused(folder: Path, message: str) -> None:
        with pytest.raises(UserError, match=message):
            read_images(folder, Problems())

    refused(tmp_path / "nowhere", "is not a folder")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "neither MNIST's files .* nor a folder of pictures for each class")
    shutil.copytree(mnist, tmp_path / "mnist")
    path = tmp_path / "mnist" / "train-images-idx3-ubyte.gz"
    whole = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(whole[:-1]))
    refused(tmp_path / "mnist", "train-images-idx3-ubyte.gz is no idx file of bytes, or cut short")
    path.write_bytes(gzip.compress(whole)[:-2000])
    refused(tmp_path / "mnist", "cannot read .*train-images-idx3-ubyte.gz")
    path.write_bytes(gzip.compress(whole[:4] + (799).to_bytes(4, "big") + whole[8:-784]))
    refused(tmp_path / "mnist", "has 799 images, but .*labels.* has 800 labels")
    path.unlink()
    (tmp_path / "mnist" / "train-images-idx3-ubyte").write_bytes(whole)  # not compressed
    assert len(read_images(tmp_path / "mnist", Problems())[0]) == 800
    Image.new("L", (20, 10)).save(pictures / "digit 9" / "zz.png")
    refused(pictures, r"zz\.png has 20 x 10 pixels, but .*\.png has 28 x 28")
    one = tmp_path / "one"
    shutil.copytree(pictures / "digit 1", one / "digit 1")
    refused(one, r"has one class \(digit 1\)")
    odd = pictures / "digit 9" / "zz.png"
    with pytest.raises(UserError, match=r"zz\.png has 20 x 10 pixels, not 28 x 28\.\nScale it, .*--resize"):
        read_picture(odd, grey=True, height=28, width=28)
    assert read_picture(odd, grey=False, height=28, width=28, resize=True).shape == (3, 28, 28)
    with pytest.raises(UserError, match=r"NOTE\.txt is no picture"):
        read_picture(pictures / "NOTE.txt", grey=True, height=28, width=28)
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(UserError, match=r"needs the package pillow.\npip install 'prosa\[pictures\]'"):
        read_picture(odd, grey=True, height=28, width=28)
