"""prosa word2vec, similar and probe bias through the command: files, messages, exit codes."""

import json

import pytest
from gensim.models import KeyedVectors

from prosa.cli.main import main
from prosa.core.files import is_complete

SENTENCES = ["O rei disse-lhe que a rainha saiu", "A rainha e o rei viram o homem e a mulher", "ele e ela riram"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    for n in range(12):
        lines = [f"{s}, no lugar {w} de sempre." for s, w in zip(SENTENCES * 3, "abcdefghi", strict=True)]
        (folder / f"{n}.txt").write_text(
            f"Capítulo {n} de {n * 7} páginas, o de número {n * n}.\n\n" + "\n\n".join(lines)
        )
    out = folder.parent / "run"
    made = [
        "word2vec",
        str(folder),
        "--out",
        str(out),
        "--dim",
        "12",
        "--epochs",
        "2",
        "--export",
        "--subwords",
        "--buckets",
        "5000",
    ]
    assert main([*made, "--lang", "en"]) == 0
    return out


def test_the_folder_is_complete_and_gensim_opens_it(run):
    assert is_complete(run / "vectors")
    opened = KeyedVectors.load_word2vec_format(str(run / "vectors" / "vectors.bin"), binary=True)
    assert {"rei", "rainha", "lhe", "disse"} <= set(opened.index_to_key)
    assert opened.vector_size == 12


def test_similar_as_json(run, capsys):
    assert main(["similar", str(run), "rei", "--minus", "homem", "--plus", "mulher", "--k", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["plus"] == ["rei", "mulher"]
    assert found["minus"] == ["homem"]
    assert len(found["neighbours"]) == 2


def test_an_unseen_word_is_told_of(run, capsys):
    assert main(["similar", str(run), "rainhas", "--k", "1", "--lang", "en"]) == 0
    assert "'rainhas' is not in the vocabulary: its vector is that of its parts" in capsys.readouterr().err
    assert main(["similar", str(run / "vectors" / "vectors.bin"), "rainhas", "--lang", "pt-BR"]) == 2
    assert "Você quis dizer 'rainha'?" in capsys.readouterr().err


def test_analogies(run, tmp_path, capsys):
    (tmp_path / "a.txt").write_text(": família\nhomem mulher rei rainha\nhomem mulher tio tia\n")
    assert main(["similar", str(run), "--analogies", str(tmp_path / "a.txt"), "--lang", "en"]) == 0
    assert "família" in (out := capsys.readouterr().out)
    assert "1 / 2" in out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["similar", "RUN"], "give a word to begin from, or --analogies FILE"),
        (["similar", "RUN", "--minus", "rei"], "give a word to begin from"),
        (["similar", "RUN", "rei", "--analogies", "x"], "words and --analogies contradict"),
        (["similar", "RUN", "rei", "--minus", "rei"], "nothing is left"),
        (["similar", "RUN", "--analogies", "nowhere"], "cannot read nowhere: No such file"),
        (["similar", "RUN", "rei", "--k", "0"], "--k must be at least 1"),
        (["similar", "nowhere", "rei"], "nowhere has no word vectors"),
        (["similar", "nowhere.bin", "rei"], "nowhere.bin is not a file"),
        (["word2vec", "RUN", "--out", "RUN"], "already exists"),
        (["probe", "bias", "RUN"], "too few pairs like he and she"),
        (["probe", "bias", "nowhere"], "nowhere is not a folder"),
    ],
)
def test_mistakes_are_named(run, argv, message, capsys):
    assert main([*(str(run) if word == "RUN" else word for word in argv), "--lang", "en"]) == 2
    assert message in capsys.readouterr().err
