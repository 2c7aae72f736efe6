"""prosa plan: counts of FACTS 4, GPT-3's table D.1 (Brown et al., arXiv 2005.14165), units, and what is refused."""

import json

import pytest

from prosa.cli.main import main
from prosa.core.errors import UserError
from prosa.pipeline.model_choice import ModelChoice
from prosa.pipeline.plan import MACHINES, plan
from prosa.tokenizers.config import TokenizerConfig
from prosa.train.config import TrainConfig

GPT3 = {  # size: parameters (FACTS 4), PFLOP/s-days and FLOPs of table D.1 for 300 billion tokens
    "gpt3-125m": (125_226_240, 2.60, 2.25e20),
    "gpt3-350m": (355_871_744, 7.42, 6.41e20),
    "gpt3-760m": (760_300_032, 15.8, 1.37e21),
    "gpt3-1.3b": (1_315_723_264, 27.5, 2.38e21),
    "gpt3-2.7b": (2_651_553_280, 55.2, 4.77e21),
    "gpt3-6.7b": (6_658_404_352, 139.0, 1.20e22),
    "gpt3-13b": (12_952_938_780, 268.0, 2.31e22),
    "gpt3-175b": (174_604_259_328, 3640.0, 3.14e23),
}


@pytest.mark.parametrize("size", GPT3)
def test_every_row_of_gpt3(size: str) -> None:
    parameters, days, flops = GPT3[size]
    found = plan(model=ModelChoice(size=size), tokens=300e9, machine="h100", devices=8)
    assert found.parameters["total"] == parameters
    assert found.flops_6nd == 6 * parameters * 300e9
    assert found.flops_6nd == pytest.approx(flops, rel=0.011)
    assert found.flops_6nd / 86400e15 == pytest.approx(days, rel=0.011)
    assert found.flops > 0.94 * found.flops_6nd  # no embedding of positions, but attention's products
    assert (found.refused is None) == (size not in ("gpt3-1.3b", "gpt3-13b"))


def test_175_billion_take_thousands_of_gpu_days() -> None:
    found = plan(model=ModelChoice(size="gpt3-175b"), tokens=300e9, machine="h100", devices=1000, price=2.0)
    device_days = found.seconds * 1000 / 86400
    assert device_days == pytest.approx(found.flops / (989e12 * 0.4) / 86400)
    assert 9_000 < device_days < 10_000
    assert found.cost == pytest.approx(device_days * 24 * 2.0)
    assert found.memory["devices"] >= 27  # weights, gradients and moments alone are over 2 TB


def test_time_is_flops_over_what_the_devices_give() -> None:
    one = plan(model=ModelChoice(size="gpt2-124m"), tokens=1e9, machine="a100")
    many = plan(model=ModelChoice(size="gpt2-124m"), tokens=2e9, machine="a100", devices=4, utilization=0.2)
    assert one.seconds == pytest.approx(one.flops / (312e12 * 0.4))
    assert many.seconds == pytest.approx(one.seconds * 2 / 4 * 2)
    assert one.cost is None
    assert one.parameters["total"] == 124_439_808


def test_memory_by_hand() -> None:
    train = TrainConfig(batch_size=8, micro_batch=2, optimizer="adamw")
    found = plan(model=ModelChoice(size="tiny"), tokenizer=TokenizerConfig(vocab_size=4096), train=train, machine="l4")
    n = found.parameters["total"]
    assert n == 1_328_768
    assert found.memory["weights"] == found.memory["gradients"] == 4 * n
    assert found.memory["optimizer"] == 8 * n
    assert found.memory["activations"] == 34 * 2 * 256 * 128 * 4
    assert found.memory["logits"] == 10 * 512 * 4096
    assert found.memory["total"] == sum(
        found.memory[k] for k in ("weights", "gradients", "optimizer", "activations", "logits")
    )
    assert found.memory["devices"] == 1
    muon = plan(model=ModelChoice(size="tiny"), tokenizer=TokenizerConfig(vocab_size=4096), machine="l4")
    assert muon.memory["optimizer"] == 8 * n - 4 * (n - 4096 * 128)  # one moment for the hidden matrices


def test_tokens_are_those_of_the_steps_or_of_the_minutes() -> None:
    steps = plan(train=TrainConfig(steps=100, batch_size=4), machine="h100")
    assert steps.tokens == 100 * 4 * 256
    minutes = plan(train=TrainConfig(minutes=3, epochs=0), machine="h100")
    assert minutes.seconds == pytest.approx(180)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"machine": "h10"}, "Did you mean 'h100'"),
        ({"devices": 0, "utilization": 2.0, "price": -1.0, "tokens": -1.0}, "tokens is -1"),
        ({"utilization": 0.0}, "utilization is 0"),
        ({"model": ModelChoice(size="gpt4")}, "gpt4"),
    ],
)
def test_what_is_refused(options: dict, told: str) -> None:
    with pytest.raises(UserError) as error:
        plan(**{"machine": "h100", **options})
    assert told in str(error.value)


def test_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--tokens", "300e9", "--machine", "a100", "--devices", "1024", "--price", "1.5"]
    assert main(["plan", "--model.size", "gpt3-13b", *flags, "--lang", "en"]) == 0
    out = capsys.readouterr().out
    assert "12,952,938,780" in out
    assert "It can be counted, not built: this model cannot be built: 40 heads of 128" in out
    assert "device-days" in out
    assert "cost: " in out
    assert main(["plan", "demo", "--machine", "l4", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parameters"]["total"] == 1_328_768
    assert main(["plan", "demoo"]) == 2


def test_machines_have_memory_and_peaks_in_si_units() -> None:
    assert all(1e13 < m.flops < 1e16 and 1e10 < m.memory < 1e12 for m in MACHINES.values())
