"""Products of 8 bits: the formula, each row by itself, and a model whose answers stay near."""

import pytest
import torch
import torch.nn.functional as F

from prosa.core.errors import UserError
from prosa.generate import engine as engine_module
from prosa.generate.decoder import Decoder, can_decode
from prosa.generate.engine import Engine
from prosa.generate.sampling import Sampling
from prosa.generate.service import Service
from prosa.models.gpt import GPT, GPTConfig
from prosa.models.int8 import to_int8
from prosa.nn.arena import Arena
from prosa.nn.int8 import Int8Linear, can_int8
from prosa.tokenizers.char import char_tokenizer

pytestmark = pytest.mark.skipif(not can_int8(), reason="no oneDNN")


def model_of(shape, tied, **options):
    torch.manual_seed(0)
    model = GPT(GPTConfig(60, 64, shape=shape, n_layer=2, n_head=4, d_model=64, tied=tied, **options)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                parameter.normal_(std=0.15)
    return model


@pytest.mark.parametrize("steps", [127, 63])
@pytest.mark.parametrize("rows", [1, 5, 70])
def test_the_formula(rows, steps, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: steps == 127)
    torch.manual_seed(0)
    weight, bias, x = torch.randn(37, 50), torch.randn(37), torch.randn(rows, 50) * torch.logspace(-3, 3, rows)[:, None]
    weight[3] = 0
    layer = Int8Linear(weight, bias)
    scales = weight.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
    codes = (weight / scales).round()
    most = x.abs().amax(dim=1, keepdim=True)
    sums = (x * (steps / most)).round().double() @ codes.double().T
    expected = sums * (most.double() / steps) * scales.double().T + bias
    torch.testing.assert_close(layer(x).double(), expected, rtol=1e-5, atol=1e-5)
    exact = F.linear(x, weight)
    assert ((layer(x) - bias - exact).norm(dim=1) < 3 / steps * exact.norm(dim=1)).all()
    assert (layer(torch.zeros(1, 50)) == bias).all()


def test_a_row_does_not_depend_on_others_nor_on_how_layers_are_joined():
    torch.manual_seed(0)
    parts = [Int8Linear(torch.randn(n, 32), torch.randn(n)) for n in (5, 48, 7)]
    x = torch.randn(9, 32)
    alone = torch.cat([parts[1](row) for row in x[:, None]])
    assert torch.equal(parts[1](torch.cat((x, 1000 * x)))[:9], alone)
    assert torch.equal(parts[1](x.view(3, 3, 32)), alone.view(3, 3, 48))
    assert torch.equal(Int8Linear.joined(parts)(x), torch.cat([part(x) for part in parts], dim=1))


def test_what_is_not_finite_stays_so():
    layer = Int8Linear(torch.randn(4, 16), None)
    x = torch.ones(2, 16)
    x[0, 3] = torch.nan
    assert layer(x).isnan().all(dim=1).tolist() == [True, False]


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("shape", ["classic", "modern", "speedrun"])
@torch.no_grad()
def test_a_model_stays_near_and_its_decoder_is_the_same(shape, tied):
    model, ids = model_of(shape, tied), torch.randint(0, 60, (2, 20))
    expected = model(ids)
    assert to_int8(to_int8(model)) is model  # twice is once
    found = model(ids)
    assert 1e-4 < (found - expected).std() / expected.std() < 0.06
    assert not any(type(part) is torch.nn.Linear for part in model.modules())
    assert can_decode(model, torch.float32) == (shape != "speedrun")
    if shape != "speedrun":
        c = model.config
        arena = Arena(c.n_layer, c.n_kv_head, 100, c.head_dim)
        answers = Decoder(model, torch.float32, 1).read(ids.tolist(), [0, 0], arena.rows([0, 50]), [0, 1])
        assert (answers - found[:, -1]).std() < 0.02 * found.std()  # rounding may tip a code over


def test_an_engine_and_a_service():
    tokenizer = char_tokenizer([chr(n) for n in range(97, 97 + 50)], ("<|endoftext|>",))
    texts = {}
    for precision in ("float32", "int8"):
        engine = Engine(model_of("modern", True), tokenizer, device="cpu", precision=precision)
        whole = engine.generate([[1, 2, 3]], Sampling(temperature=0), max_tokens=40)[0]
        with Service(engine) as service:
            served = service.submit([1, 2, 3], Sampling(temperature=0), max_tokens=40).completion()
        assert [t.id for t in served.tokens[:5]] == [t.id for t in whole.tokens[:5]]
        texts[precision] = whole
    pairs = zip(texts["float32"].tokens, texts["int8"].tokens, strict=False)
    assert next(a.logprob - b.logprob for a, b in pairs) == pytest.approx(0, abs=0.2)


def test_where_it_cannot_be(monkeypatch):
    tokenizer = char_tokenizer("ab", ("<|endoftext|>",))
    monkeypatch.setattr(engine_module, "can_int8", lambda: False)
    with pytest.raises(UserError, match="int8 needs a CPU with oneDNN"):
        Engine(model_of("modern", True), tokenizer, device="cpu", precision="int8")
