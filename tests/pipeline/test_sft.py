"""``prosa sft``: a tiny model learns to answer, resumes exactly, and says what it left out."""

import json
from pathlib import Path

import pytest
import torch

from prosa.align.sft import SftConfig
from prosa.core.errors import UserError
from prosa.data.conversations import Conversation
from prosa.data.division import divide
from prosa.generate.engine import Engine
from prosa.generate.sampling import Sampling
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import load_model, save_model
from prosa.pipeline.run import load, model_folder
from prosa.pipeline.sft import sft
from prosa.pipeline.stage import result_folder
from prosa.tokenizers.chat import ChatEncoder, Message
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train

WORDS = {"um": "one", "dois": "two", "três": "three", "quatro": "four", "cinco": "five", "seis": "six"}
QUICK = {"micro_batch": 8, "batch_size": 8, "precision": "float32", "workers": 1, "compile": False, "lr": 1e-2}


@pytest.fixture(scope="module")
def talks(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("talks") / "talks.jsonl"
    lines = [
        {"messages": [{"role": "user", "content": pt}, {"role": "assistant", "content": en}]}
        for pt, en in WORDS.items()
        for _ in range(8)
    ]
    lines.insert(3, {"text": "no conversation"})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    tokenizer = train([" ".join([*WORDS, *WORDS.values()])], TokenizerConfig(vocab_size=300))
    torch.manual_seed(0)
    save_model(GPT(GPTConfig(300, 32, 2, 2, 32)), folder / "model", tokenizer=tokenizer)
    return folder / "model"


def _answer(folder: Path, question: str) -> str:
    model, tokenizer, _ = load(str(folder))
    prompt = ChatEncoder(tokenizer).prompt([Message("user", question)])
    (made,) = Engine(model, tokenizer, device="cpu").generate([prompt], Sampling(temperature=0), max_tokens=12)
    assert made.finish_reason == "stop"
    return made.text


def test_a_model_learns_to_answer_and_a_killed_training_ends_with_the_same_bits(base, talks, tmp_path, capsys) -> None:
    whole = sft(str(base), data=(talks,), out=tmp_path / "whole", sft=SftConfig(steps=150, held_out=0.0, **QUICK))
    assert {pt: _answer(whole.folder, pt) for pt in WORDS} == WORDS
    assert whole.figures["data"]["bad"] == 1
    assert whole.figures["data"]["problems"][0].startswith(f"{talks.as_posix()}:4: neither 'messages'")
    assert whole.figures["train"]["loss"] < 0.1
    assert "1 bad" in capsys.readouterr().err
    ends = json.loads((whole.folder / "generation_config.json").read_text())["eos_token_id"]
    special = load(str(whole.folder))[1].special_tokens
    assert ends == [special["<|endoftext|>"], special["<|end|>"]]

    config = SftConfig(steps=150, held_out=0.0, checkpoint_every=50, keep_checkpoints=9, **QUICK)
    sft(str(base), data=(talks,), out=tmp_path / "parts", sft=config)
    for gone in ("COMPLETE", "model.safetensors", "training.json"):
        (tmp_path / "parts" / "sft" / gone).unlink()
    for step in (100, 150):
        for file in (tmp_path / "parts" / "sft" / "checkpoints" / f"step_{step}").iterdir():
            file.unlink()
        (tmp_path / "parts" / "sft" / "checkpoints" / f"step_{step}").rmdir()
    again = sft(str(base), data=(talks,), out=tmp_path / "parts", sft=config, resume="must")
    for a, b in zip(load_model(whole.folder).parameters(), load_model(again.folder).parameters(), strict=True):
        assert torch.equal(a, b)
    same = sft(str(base), data=(talks,), out=tmp_path / "parts", sft=config, resume="auto")
    assert same.figures == again.figures


def test_held_out_conversations_are_measured_and_not_trained_on(base, talks, tmp_path) -> None:
    config = SftConfig(steps=30, held_out=0.4, eval_every=15, **QUICK)
    done = sft(str(base), data=(talks,), out=tmp_path, sft=config)
    held_out, learnt = done.figures["data"]["held_out"], done.figures["data"]["conversations"]
    assert held_out + learnt == 48
    assert held_out % 8 == learnt % 8 == 0  # alike ones are on one side
    assert 0 < held_out < 48
    assert set(done.figures["validation"]) >= {"loss", "accuracy", "tokens"}
    lines = [json.loads(line) for line in (done.folder / "metrics.jsonl").read_text().splitlines()]
    assert {line["prompt"] for line in lines if line["kind"] == "sample"} <= set(WORDS)


def test_the_side_of_a_conversation_does_not_depend_on_the_others() -> None:
    made = [Conversation((Message("user", f"q {n}"), Message("assistant", "a")), str(n)) for n in range(2000)]
    train_, held_out = divide(made, 0.1)
    assert 150 < len(held_out) < 250
    assert divide(made[:7] + held_out[:3], 0.1)[1] == [c for c in made[:7] if c in held_out] + held_out[:3]
    for n in (held_out[0], train_[0]):
        (asked, _) = n.messages
        alike = Conversation((Message("user", f"  {asked.content.upper()} "),), "x")
        assert bool(divide([alike], 0.1)[1]) == (n in held_out)
    assert not set(train_) & set(held_out)


@pytest.mark.parametrize(
    ("lines", "config", "message"),
    [
        ([], {}, "no record"),
        ([{"messages": [{"role": "assistant", "content": "a"}]}], {}, "roles out of order"),
        ([{"instruction": "x " * 40, "output": "y"}], {}, "none of 1 conversations has a token of the assistant"),
    ],
)
def test_bad_data_is_refused_before_anything_is_written(base, tmp_path, lines, config, message) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(UserError, match=message):
        sft(str(base), data=(path,), out=tmp_path / "run", sft=SftConfig(steps=2, held_out=0.0, **config))
    assert not (tmp_path / "run").exists()


def test_a_tokenizer_without_chat_tokens_and_a_model_without_a_run_are_refused(base, talks, tmp_path) -> None:
    with pytest.raises(UserError, match="--out FOLDER"):
        sft(str(base), data=(talks,))
    plain = train(["a b c"], TokenizerConfig(vocab_size=300, special_tokens=("<|endoftext|>",)))
    save_model(GPT(GPTConfig(300, 32, 1, 2, 32)), tmp_path / "plain", tokenizer=plain)
    with pytest.raises(UserError, match="no chat template"):
        sft(str(tmp_path / "plain"), data=(talks,), out=tmp_path)


def test_lora_trains_adapters_alone_and_writes_them_and_the_merged_model(base, talks, tmp_path) -> None:
    from prosa.align.adapter import load_adapter
    from prosa.align.lora import LoraConfig

    config = SftConfig(steps=200, held_out=0.0, **QUICK)
    done = sft(str(base), data=(talks,), out=tmp_path, sft=config, lora=LoraConfig(rank=8))
    assert {pt: _answer(done.folder, pt) for pt in WORDS} == WORDS
    before, after = load_model(base), load_model(done.folder)
    assert torch.equal(before.embedding.weight, after.embedding.weight)
    load_adapter(before, done.folder / "adapter")
    ids = torch.tensor([[1, 2, 3]])
    torch.testing.assert_close(before(ids), after(ids), rtol=0, atol=1e-5)
    assert done.figures["parameters"] == sum(p.numel() for p in after.parameters())
    assert done.figures["trained_parameters"] == 2 * 8 * sum(
        sum(layer.weight.shape)
        for name, layer in load_model(base).blocks[0].named_modules()
        if hasattr(layer, "in_features")
    )


def test_threads_that_share_rows_train_adapters_too(base, talks, tmp_path) -> None:
    from prosa.align.lora import LoraConfig

    settings = {**QUICK, "steps": 5, "held_out": 0.0}
    one = sft(str(base), data=(talks,), out=tmp_path / "1", sft=SftConfig(**settings), lora=LoraConfig(rank=4))
    two = sft(
        str(base),
        data=(talks,),
        out=tmp_path / "2",
        sft=SftConfig(**settings | {"workers": 2}),
        lora=LoraConfig(rank=4),
    )
    for a, b in zip(load_model(one.folder).parameters(), load_model(two.folder).parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_a_run_keeps_the_figures_of_its_base_and_a_new_base_ends_what_came_of_the_old(
    tiny_run, talks, tmp_path
) -> None:
    import shutil

    from prosa.pipeline.evaluate import evaluate
    from prosa.pipeline.pretrain import pretrain
    from prosa.train.config import TrainConfig

    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    before = (run / "evaluation.json").read_bytes()
    done = sft(str(run), data=(talks,), sft=SftConfig(steps=2, held_out=0.0, **QUICK))
    assert done.folder == run / "sft"
    assert load(str(run))[2] == run / "sft"
    evaluate(str(run))
    assert (run / "evaluation.json").read_bytes() == before
    with pytest.raises(UserError, match="sft already exists"):
        sft(str(run), data=(talks,))
    again = sft(f"{run}:base", data=(talks,), sft=SftConfig(steps=2, held_out=0.0, **QUICK), force=True)
    assert again.folder == run / "sft"
    with pytest.raises(UserError, match="replaced by its own result"):
        sft(f"{run}:sft", data=(talks,), force=True)
    assert load(str(run))[2] == run / "sft"
    foreign = shutil.copytree(run / "sft", run / "dpo")
    text = (foreign / "config.resolved.yaml").read_text()
    (foreign / "config.resolved.yaml").write_text(text.replace(str(run / "base"), "some/model"))
    pretrain(data=run, out=run, train=TrainConfig(steps=1, batch_size=2), force=True)
    assert foreign.exists()
    assert not (run / "sft").exists()


def test_going_on_with_other_adapters_is_refused(base, talks, tmp_path) -> None:
    from prosa.align.lora import LoraConfig

    config = SftConfig(steps=4, held_out=0.0, **QUICK)
    done = sft(str(base), data=(talks,), out=tmp_path, sft=config, lora=LoraConfig(rank=4))
    (done.folder / "COMPLETE").unlink()
    with pytest.raises(UserError, match="was begun from"):
        sft(str(base), data=(talks,), out=tmp_path, sft=config, lora=LoraConfig(rank=4, alpha=64.0), resume="auto")


def test_adapters_with_dropout_are_not_shared_among_threads(base, talks, tmp_path) -> None:
    from prosa.align.lora import LoraConfig

    lora = LoraConfig(rank=4, dropout=0.2)
    with pytest.raises(UserError, match="without dropout"):
        sft(str(base), data=(talks,), out=tmp_path, sft=SftConfig(steps=1, **QUICK | {"workers": 2}), lora=lora)


def test_an_adapter_is_no_model_and_a_stage_knows_its_run(tmp_path) -> None:
    (tmp_path / "run" / "sft" / "adapter").mkdir(parents=True)
    (tmp_path / "run" / "sft" / "adapter" / "adapter_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match=r"holds an adapter, not a model\.\nGive the model that it was merged into"):
        model_folder(str(tmp_path / "run" / "sft" / "adapter"))
    start = tmp_path / "run" / "sft"
    for named in (f"{tmp_path / 'run'}:sft", str(tmp_path / "run")):
        assert result_folder(named, start, None, "dpo") == tmp_path / "run" / "dpo"
