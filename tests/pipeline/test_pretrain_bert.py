"""``prosa pretrain-bert``, ``prosa fill``, and a classifier from BERT: learns, resumes exactly, refuses."""

import json
import random
import shutil
from pathlib import Path

import pytest
import torch
import transformers

from prosa.align.classify import ClassifyConfig
from prosa.cli.main import main
from prosa.core.errors import UserError
from prosa.corpus.config import CorpusConfig
from prosa.data.mask_config import MaskConfig
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import save_model
from prosa.models.huggingface_bert import load_masked
from prosa.models.huggingface_scored import load_scored
from prosa.models.scored import ScoredBert
from prosa.pipeline.bert_choice import BertChoice
from prosa.pipeline.classify import classify, train_classifier
from prosa.pipeline.pretrain_bert import MaskedTrainConfig, fill, pretrain_bert
from prosa.pipeline.tuning import Tuned
from prosa.tokenizers.load import load

SHAPE = BertChoice(size="tiny", n_layer=1, d_model=32, n_head=2, context=32)
QUICK = {"micro_batch": 8, "batch_size": 8, "precision": "float32", "workers": 1, "compile": False, "lr": 5e-3}
STEPS, EVERY = 40, 20
REPETITIVE = CorpusConfig(max_top_ngram=1, max_duplicate_ngrams=1, near_duplicate_threshold=1, held_out=0.2)


def quick(steps: int = STEPS) -> MaskedTrainConfig:
    return MaskedTrainConfig(steps=steps, checkpoint_every=EVERY, eval_every=EVERY, **QUICK)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A little world in which what follows is plain: each animal has its food."""
    folder = tmp_path_factory.mktemp("text")
    pairs = (("gato", "peixe"), ("rato", "queijo"), ("cavalo", "capim"))
    draws = random.Random(0)
    for n in range(12):
        lines = [f"O {a} come {f}." for a, f in draws.choices(pairs, k=150)]
        (folder / f"{n}.txt").write_text(" ".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def learnt(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    return pretrain_bert(
        (text,), out=tmp_path_factory.mktemp("run"), bert=SHAPE, corpus=REPETITIVE, mask=MaskConfig(), train=quick()
    )


def same_weights(one: Path, other: Path) -> bool:
    pairs = zip(load_masked(one).parameters(), load_masked(other).parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_it_learns_and_transformers_opens_it(learnt: Tuned) -> None:
    lines = [json.loads(line) for line in (learnt.folder / "metrics.jsonl").read_text().splitlines()]
    looks = [line for line in lines if line["kind"] == "validation"]
    assert looks[-1]["loss"] < 0.7 * looks[0]["loss"]
    assert 0 < looks[-1]["accuracy"] < 1
    found = learnt.figures["held_out"]
    assert 0 < found["interval"][0] < found["accuracy"] < found["interval"][1]
    ours = load_masked(learnt.folder)
    theirs = transformers.BertForMaskedLM.from_pretrained(learnt.folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(learnt.folder)
    ids = torch.tensor([load(learnt.folder).encode("O gato come peixe")])
    assert tokenizer("O gato come peixe", add_special_tokens=False)["input_ids"] == ids[0].tolist()
    assert tokenizer.mask_token == "[MASK]"
    special = load(learnt.folder).special_tokens
    assert tokenizer("O gato come peixe")["input_ids"] == [special["[CLS]"], *ids[0].tolist(), special["[SEP]"]]
    with torch.no_grad():
        torch.testing.assert_close(ours(ids), theirs(ids).logits, rtol=1e-4, atol=1e-5)


def test_a_stopped_training_ends_with_the_same_bits(learnt: Tuned, text: Path, tmp_path: Path) -> None:
    begun = pretrain_bert((text,), out=tmp_path / "run", bert=SHAPE, corpus=REPETITIVE, train=quick())
    assert same_weights(begun.folder, learnt.folder)  # the same once more: corpus, tokenizer and all
    for name in ("COMPLETE", "model.safetensors"):
        (begun.folder / name).unlink()
    shutil.rmtree(begun.folder / "checkpoints" / f"step_{STEPS}")
    again = pretrain_bert((text,), out=tmp_path / "run", bert=SHAPE, corpus=REPETITIVE, train=quick(), resume="must")
    assert same_weights(again.folder, learnt.folder)
    done = pretrain_bert((text,), out=tmp_path / "run", bert=SHAPE, corpus=REPETITIVE, train=quick(), resume="auto")
    assert done.figures == again.figures
    (again.folder / "COMPLETE").unlink()
    whole = MaskConfig(whole_words=True)
    with pytest.raises(UserError, match="was begun from"):
        pretrain_bert((text,), out=tmp_path / "run", bert=SHAPE, mask=whole, train=quick(), resume="auto")


def test_from_a_token_folder_with_bytes_and_whole_words(learnt: Tuned, text: Path, tmp_path: Path) -> None:
    few = MaskedTrainConfig(steps=3, **QUICK)  # type: ignore[arg-type]
    made = pretrain_bert(
        (text,), out=tmp_path / "bpe", bert=SHAPE, corpus=REPETITIVE, train=few, kind="bpe", vocab_size=300
    )
    assert load(made.folder).kind == "bpe"
    found = fill(str(tmp_path / "bpe"), ("O [MASK] come [MASK]",), top=2)[0]
    assert [len(blank) for blank in found.blanks] == [2, 2]
    mask = MaskConfig(whole_words=True, share=0.3)
    again = pretrain_bert((tmp_path / "bpe" / "data",), out=tmp_path / "two", bert=SHAPE, mask=mask, train=few)
    assert not (tmp_path / "two" / "data").exists()
    assert not same_weights(made.folder, again.folder)


def test_the_command_fills_blanks(learnt: Tuned, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(learnt.folder.parent)
    assert main(["fill", run, "O [MASK] come peixe.", "--top", "4", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["blanks"]) == 1
    assert len(found["blanks"][0]) == 4
    assert found["best"].endswith("come peixe.")
    assert main(["fill", run, "O gato [MASK] [MASK]."]) == 0
    shown = capsys.readouterr().out
    assert "[MASK] 2" in shown
    assert "%" in shown
    assert main(["fill", run, "O gato"]) == 2
    assert "there is no [MASK] in 'O gato'" in capsys.readouterr().err


def test_a_classifier_is_made_from_it(learnt: Tuned, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "table.csv"
    rows = [(f"O {a} come {f} número {n}", a) for n in range(30) for a, f in (("gato", "peixe"), ("rato", "queijo"))]
    rows = [(text.replace("gato", "bicho").replace("rato", "bicho"), label) for text, label in rows]
    rows.append(("palavra " * 40 + "peixe", "gato"))  # longer than the context
    table.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows), encoding="utf-8")
    config = ClassifyConfig(steps=60, **QUICK)  # type: ignore[arg-type]
    made = train_classifier((table,), out=tmp_path / "c", model=str(learnt.folder.parent), classify=config)
    assert made.figures["held_out"]["accuracy"] > 0.9
    assert made.figures["data"]["cut"] == 1
    network = load_scored(made.folder)
    assert isinstance(network, ScoredBert)
    said = classify(str(tmp_path / "c"), ("O bicho come peixe", "O bicho come queijo número 7", "palavra " * 40))
    assert [p.label for p in said[:2]] == ["gato", "rato"]
    assert [p.cut for p in said] == [False, False, True]
    alone = classify(str(tmp_path / "c"), ("O bicho come peixe",))[0]
    assert alone.probabilities == pytest.approx(said[0].probabilities, abs=1e-6)  # padding is unseen
    theirs = transformers.BertForSequenceClassification.from_pretrained(made.folder).eval()
    tokenizer = load(made.folder)
    with torch.no_grad():
        ids = [2, *tokenizer.encode("O bicho come peixe"), 3]
        assert [tokenizer.token_text(i) for i in (ids[0], ids[-1])] == ["[CLS]", "[SEP]"]
        logits = theirs(torch.tensor([ids])).logits.softmax(-1)[0].tolist()
    assert dict(zip(network.config.labels, logits, strict=True)) == pytest.approx(alone.probabilities, abs=1e-5)
    batch = ClassifyConfig(steps=60, **{**QUICK, "micro_batch": 2})  # type: ignore[arg-type]
    again = train_classifier((table,), out=tmp_path / "d", model=str(learnt.folder.parent), classify=batch)
    assert again.figures["train"]["loss"] == pytest.approx(made.figures["train"]["loss"], rel=0.05)


def test_bad_input(learnt: Tuned, text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(learnt.folder.parent)
    for argv, message in (
        (["pretrain-bert", "--out", str(tmp_path / "n")], "no text given"),
        (["pretrain-bert", str(tmp_path / "nothing"), "--out", str(tmp_path / "n")], "nothing"),
        (["pretrain-bert", str(text), "--out", run], "already exists"),
        (["pretrain-bert", str(text), "--out", str(tmp_path / "n"), "--bert.n-head", "7"], "7 heads do not divide"),
        (["pretrain-bert", str(text), "--out", str(tmp_path / "n"), "--bert.size", "bse"], "Did you mean 'base'"),
        (["pretrain-bert", str(text), "--out", str(tmp_path / "n"), "--resume"], "nothing to resume"),
        (["fill", run, "O [MASK]", "--top", "0"], "top is 0"),
        (["generate", run, "--prompt", "O gato"], "does not write on"),
    ):
        assert main(argv) == 2, argv
        assert message in capsys.readouterr().err, argv
    assert not (tmp_path / "n").exists()
    tokenizer = load(learnt.folder)
    save_model(GPT(GPTConfig(tokenizer.vocab_size, 16, 1, 2, 16)), tmp_path / "gpt", tokenizer=tokenizer)
    with pytest.raises(UserError, match="reads from left to right and fills no blanks"):
        fill(str(tmp_path / "gpt"), ("O [MASK]",))
