"""``prosa plan`` against GPT-3's published table, and its arithmetic."""

import json

import pytest

from prosa.cli.main import main
from prosa.core.errors import UserError
from prosa.core.language import set_language
from prosa.pipeline import plan as module
from prosa.pipeline.model_choice import ModelChoice
from prosa.pipeline.plan import Plan, plan
from prosa.train.config import TrainConfig
from prosa.train.footprint import Footprint

TABLE_D1 = {  # Brown et al. 2020, arXiv 2005.14165, table D.1: parameters (FACTS 4), FLOPs, PF-days at 300 B tokens
    "gpt3-125m": (125_226_240, 2.25e20, 2.60),
    "gpt3-350m": (355_871_744, 6.41e20, 7.42),
    "gpt3-760m": (760_300_032, 1.37e21, 15.8),
    "gpt3-1.3b": (1_315_723_264, 2.38e21, 27.5),
    "gpt3-2.7b": (2_651_553_280, 4.77e21, 55.2),
    "gpt3-6.7b": (6_658_404_352, 1.20e22, 139.0),
    "gpt3-13b": (12_952_938_780, 2.31e22, 268.0),
    "gpt3-175b": (174_604_259_328, 3.14e23, 3640.0),
}


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Footprint(
        weights=1, gradients=1, optimizer=1, activations=1, copies=0, logits=1, peak=4, resident=4, micro_batch=1
    )
    monkeypatch.setattr(module, "_memory", lambda *_: made)


@pytest.mark.usefixtures("no_memory")
@pytest.mark.parametrize(("size", "published"), TABLE_D1.items())
def test_every_row_of_gpt_3_s_table(size: str, published: tuple[int, float, float]) -> None:
    made = plan(model=ModelChoice(size=size, context=0), tokens=300e9, machine="h100")
    parameters, flops, days = published
    assert made.parameters.total == parameters
    assert made.flops_6nd == 6 * parameters * 300e9
    assert made.flops_6nd == pytest.approx(flops, rel=0.01)  # its "13B" and "XL" are rounded otherwise than counted
    assert made.flops_6nd / module.PFLOP_DAY == pytest.approx(days, rel=0.01)
    c = made.shape
    table = c.context * c.d_model  # positions only look up
    attention = 12 * c.n_layer * c.n_head * c.head_dim * c.context
    assert made.flops == pytest.approx((6 * (parameters - table) + attention) * 300e9)
    assert bool(made.problem) == (size in ("gpt3-1.3b", "gpt3-13b"))


@pytest.mark.usefixtures("no_memory")
def test_time_and_cost_by_hand() -> None:
    made = plan(
        model=ModelChoice(size="gpt3-175b", context=0), tokens=300e9, machine="h100", devices=1024, mfu=0.5, price=2.5
    )
    assert made.seconds == pytest.approx(made.flops / (1024 * 989.5e12 * 0.5))
    assert made.device_days == pytest.approx(made.seconds * 1024 / 86400)
    assert 7000 < made.device_days < 8000  # thousands of GPU-days
    assert made.cost == pytest.approx(made.device_days * 24 * 2.5)
    assert made.tokens_per_second * made.seconds == pytest.approx(300e9)
    twice = plan(model=ModelChoice(size="gpt3-175b", context=0), tokens=300e9, machine="h100", devices=2048, mfu=0.5)
    assert twice.seconds == pytest.approx(made.seconds / 2)
    assert twice.device_days == pytest.approx(made.device_days)
    assert twice.cost == 0


@pytest.mark.usefixtures("no_memory")
def test_what_sets_the_tokens() -> None:
    def of(train: TrainConfig, tokens: float = 0.0) -> Plan:
        return plan(model=ModelChoice(context=128), train=train, tokens=tokens, machine="l4")

    assert of(TrainConfig(steps=100, batch_size=8)).tokens == 100 * 8 * 128
    assert of(TrainConfig(steps=100), tokens=5e6).tokens == 5e6
    by_time = of(TrainConfig(minutes=10))
    assert by_time.tokens_from == "minutes"
    assert by_time.seconds == pytest.approx(600 * 0.88)


def test_a_gpu_s_memory_sets_the_micro_batch_and_devices() -> None:
    fits = plan(
        model=ModelChoice(size="gpt2-124m", context=0), tokens=1e9, train=TrainConfig(batch_size=64), machine="l4"
    )
    assert fits.memory.micro_batch == 32  # 64 take 28 GB
    assert fits.a_device <= 24e9
    assert fits.memory.devices(24 * 10**9) == 1
    large = plan(model=ModelChoice(size="gpt3-6.7b", context=0), tokens=1e9, machine="h100")
    assert large.a_device > 80e9
    needed = large.memory.devices(80 * 10**9)
    assert needed is not None
    assert large.memory.a_device(needed) <= 80e9 < large.memory.a_device(needed - 1)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"machine": "h10"}, "Did you mean 'h100'"),
        ({"model": ModelChoice(size="gpt3-175")}, "Did you mean 'gpt3-175b'"),
        ({"devices": 0, "price": -1.0}, "devices is 0.*price is -1"),
        ({"mfu": 1.5}, "mfu is 1.5"),
        ({"model": ModelChoice(n_head=3, d_model=64)}, "3 heads do not divide"),
    ],
)
def test_mistakes_are_told(options: dict, told: str) -> None:
    set_language("en")
    with pytest.raises(UserError, match=told):
        plan(**{"machine": "l4", **options})
    set_language(None)


@pytest.mark.usefixtures("no_memory")
def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    big = ["plan", "--model.size", "gpt3-175b", "--tokens", "300e9", "--machine", "h100", "--devices", "1024"]
    assert main([*big, "--price", "2.5", "--lang", "en"]) == 0
    shown = capsys.readouterr().out
    for words in ("174,604,259,328", "3,637.6 PFLOP-days", "9,443.5", "566,608.55", "1,024 × h100, 990 TFLOP/s"):
        assert words in shown
    assert main([*big, "--lang", "pt-BR"]) == 0
    assert "3.637,6 PFLOP-dias" in capsys.readouterr().out
    assert main([*big, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shape"]["context"] == 2048
    assert main([*big, "--model.context", "512", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shape"]["context"] == 512
    assert main(["plan", "assistant", "--machine", "l4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shape"]["vocab_size"] == 4096
    assert main(["plan", "--model.size", "gpt3-13b", "--machine", "h100", "--lang", "en"]) == 0
    shown = capsys.readouterr().out
    assert "cannot be built" in shown
    assert "use d_model 5120" in shown


def test_this_machine_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--model.context", "16", "--model.depth", "1", "--train.batch-size", "2", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["share_from"] == "measured"
    assert 0 < made["share_of_peak"] <= 1
    assert made["memory"]["fits"] is True
    assert made["tokens_a_parameter"] == pytest.approx(made["tokens"] / made["parameters"]["total"])
