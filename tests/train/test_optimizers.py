"""Groups, parity with torch's own optimizers, and a state that goes to a file and back."""

import subprocess
import sys

import pytest
import torch

from prosa.core.errors import UserError
from prosa.train.muon import Muon
from prosa.train.optimizers import Optimizer, roles


def _step(model, seed: int) -> None:
    torch.manual_seed(seed)
    for p in model.parameters():
        p.grad = torch.randn_like(p)


def test_roles_of_gpt(make) -> None:
    found = roles(make(tied=False, shape="classic"))
    assert found["embedding"] == ["embedding.weight", "position_embedding.weight"]
    assert found["output"] == ["unembedding.weight"]
    assert len(found["hidden"]) == 2 * 6
    assert all(name.startswith("blocks.") and name.endswith(".weight") for name in found["hidden"])
    assert all("norm" in name or name.endswith(".bias") for name in found["vector"])
    tied = roles(make())
    assert (tied["embedding"], tied["output"]) == (["embedding.weight"], [])
    assert sum(map(len, tied.values())) == len(list(make().parameters()))


def test_adamw_is_torch_s_with_decay_on_matrices_only(make, make_settings) -> None:
    ours, theirs = make(), make()
    config = make_settings(lr=1e-2, embedding_lr=3e-2, weight_decay=0.3, betas=(0.8, 0.9))
    optimizer = Optimizer(ours, config)
    references = [
        torch.optim.AdamW(
            [p],
            lr=3e-2 if name == "embedding.weight" else 1e-2,
            betas=(0.8, 0.9),
            weight_decay=0.3 if p.ndim == 2 and name != "embedding.weight" else 0.0,
            foreach=False,
            fused=False,
        )
        for name, p in theirs.named_parameters()
    ]
    for step in range(5):
        factor = 1 - step / 10
        _step(ours, step)
        _step(theirs, step)
        optimizer.set_lr(factor)
        optimizer.step()
        for reference in references:
            reference.param_groups[0]["lr"] = reference.defaults["lr"] * factor
            reference.step()
    for (name, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7, msg=name)


def test_muon_moves_hidden_matrices_along_an_orthogonal_step(make, make_settings) -> None:
    model = make()
    optimizer = Optimizer(model, make_settings(optimizer="muon", muon_lr=0.1, lr=1e-3, weight_decay=0.0))
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    _step(model, 0)
    optimizer.set_lr(1.0)
    optimizer.step()
    moved = {name: before[name] - p.detach() for name, p in model.named_parameters()}
    for name in roles(model)["hidden"]:
        rows, columns = moved[name].shape
        singular = torch.linalg.svdvals(moved[name] / (0.1 * max(1, rows / columns) ** 0.5))
        assert float(singular.min()) > 0.3  # Newton-Schulz ends with singular values spread around 1
        assert float(singular.max()) < 1.35
    # Adam's first step is lr * sign(gradient)
    torch.testing.assert_close(moved["embedding.weight"].abs().mean(), torch.tensor(1e-3), rtol=1e-3, atol=0)
    assert {key.rpartition("/")[2] for key in optimizer.state()} == {"step", "exp_avg", "exp_avg_sq", "momentum_buffer"}


@pytest.mark.parametrize("threads", [1, 3])
def test_muon_is_torch_s(threads: int) -> None:
    torch.set_num_threads(threads)
    shapes = [(8, 8)] * 5 + [(12, 8), (8, 12), (12, 8)]
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(shape, generator=generator) for shape in shapes]
    ours, theirs = ([torch.nn.Parameter(p.clone()) for p in start] for _ in range(2))
    muon = Muon([{"params": ours, "lr": 0.1, "weight_decay": 0.3}])
    reference = torch.optim.Muon(theirs, lr=0.1, weight_decay=0.3, momentum=0.95, nesterov=True)
    for _ in range(4):
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.randn(a.shape, generator=generator)
            b.grad = a.grad.clone()
        muon.step()
        reference.step()
    for a, b in zip(ours, theirs, strict=True):
        assert torch.equal(muon.state[a]["momentum_buffer"], reference.state[b]["momentum_buffer"])
        torch.testing.assert_close(a, b, rtol=0, atol=4 * 0.1 * 1.3 * 0.02)  # both round to bfloat16, in other places


def test_a_matrix_without_gradient_stays_as_it_is_under_muon() -> None:
    moved, zero, none = (torch.nn.Parameter(torch.ones(3, 3)) for _ in range(3))
    moved.grad, zero.grad = torch.randn(3, 3), torch.zeros(3, 3)
    Muon([{"params": [moved, zero, none], "lr": 0.1, "weight_decay": 0.0}]).step()
    assert not torch.equal(moved, torch.ones(3, 3))
    assert torch.equal(zero, torch.ones(3, 3))
    assert torch.equal(none, torch.ones(3, 3))


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_state_goes_and_comes_back_bit_for_bit(make, make_settings, kind: str) -> None:
    config = make_settings(optimizer=kind)
    model, other = make(), make()
    optimizer, restored = Optimizer(model, config), Optimizer(other, config)
    assert optimizer.state() == {}
    for step in range(6):
        if step == 3:
            other.load_state_dict(model.state_dict())
            restored.load_state({name: value.clone() for name, value in optimizer.state().items()})
        for m, o in ((model, optimizer), (other, restored)):
            _step(m, step)
            if step >= 3 or m is model:
                o.step()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    tensors = sum(v.numel() * v.element_size() for k, v in optimizer.state().items() if not k.endswith("/step"))
    assert tensors == optimizer.state_bytes()


def test_another_model_s_state_is_refused(make, make_settings) -> None:
    big, small = make(n_layer=3), make()
    optimizer = Optimizer(big, make_settings())
    _step(big, 0)
    optimizer.step()
    with pytest.raises(UserError, match=r"blocks\.2\..* is in only one"):
        Optimizer(small, make_settings()).load_state(optimizer.state())


def test_an_optimizer_does_not_load_torch_s_compiler() -> None:
    program = """
import sys, torch
from prosa.train.config import TrainConfig
from prosa.train.optimizers import Optimizer
model = torch.nn.Sequential(torch.nn.ModuleList([torch.nn.Linear(3, 3)])[0])
optimizer = Optimizer(model, TrainConfig(steps=1))
model(torch.ones(3)).sum().backward()
optimizer.step()
print("torch._dynamo" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
