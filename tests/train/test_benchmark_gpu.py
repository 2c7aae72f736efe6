"""``benchmarks/gpu.py`` goes through, without a GPU and with torch and numpy alone."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"

ALONE = """
import runpy, sys
for name in ("yaml", "rich", "safetensors", "tokenizers", "fastokens", "tyro", "ftfy", "plotly"):
    sys.modules[name] = None  # importing it fails
import torch
torch.compiler.set_stance("force_eager")  # compiling takes a minute
sys.argv = [{script!r}, "--dry-run", "--json", {json!r}]
runpy.run_path({script!r}, run_name="__main__")
"""


@pytest.fixture(scope="module")
def gpu():
    spec = importlib.util.spec_from_file_location("benchmark_gpu", SCRIPT)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["benchmark_gpu"] = module
    spec.loader.exec_module(module)
    return module


def test_dry_run_with_torch_and_numpy_alone(tmp_path: Path) -> None:
    code = ALONE.format(script=str(SCRIPT), json=str(tmp_path / "gpu.json"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    assert [model["model"] for model in report["models"]] == ["tiny", "tiny again"]
    for model in report["models"]:
        assert "failed" not in model
        # embedding, one block (4 of 64 x 64, 3 of 64 x 192, two norms of 64, two of 32), the last norm
        assert model["parameters"] == 512 * 64 + 4 * 64 * 64 + 3 * 64 * 192 + 2 * 64 + 2 * 32 + 64
        assert model["flops_per_token"] == 6 * model["parameters"] + 12 * 1 * 64 * 32
        rate = model["tokens_per_second"] * model["flops_per_token"]
        assert model["share_of_measured_peak"] == pytest.approx(rate / report["peak_flops"]["measured"])
        assert model["tokens_per_second"] == pytest.approx(model["tokens_per_step"] / model["step_seconds"])
        assert model["mfu"] is None  # a CPU has no data-sheet peak
        assert model["loss_first_last"][0] == pytest.approx(6.24, abs=0.15)  # ln 512
        assert all("tokens_per_second" in trial for trial in model["trials"])
        assert {trial["attention"] for trial in model["trials"]} == {"torch's choice", "cudnn"}
        assert sum(model["kernels_ms"].values()) == pytest.approx(1000 * model["step_seconds"])
        assert model["kernels_ms"]["matrix products"] > 0


def test_the_models_are_those_of_the_goal(gpu) -> None:
    with torch.device("meta"):
        sizes = {case.name: sum(p.numel() for p in gpu.GPT(case.shape).parameters()) for case in gpu.CASES}
    assert sizes["124m"] == pytest.approx(124e6, rel=0.01)
    assert sizes["1.3b"] == pytest.approx(1.3e9, rel=0.02)
    assert all(case.sequences % size == 0 for case in gpu.CASES for size in case.sizes)


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H200", 989e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA GeForce RTX 4090", 165.2e12),
        ("NVIDIA RTX A4000", None),
    ],
)
def test_peak_by_name(gpu, monkeypatch: pytest.MonkeyPatch, name: str, peak: float | None) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    assert gpu.data_sheet_peak(torch.device("cuda")) == peak


def test_kernels_by_kind(gpu) -> None:
    names = {
        "triton_red_fused__to_copy_add_mean_mul_4": "fused pointwise, norms (Triton)",
        "void pytorch_flash::flash_fwd_kernel<Flash_fwd_kernel_traits<128, cutlass::bfloat16_t>>": "attention",
        "cudnn_generated_fort_native_sdpa_sm90_flash_fprop_wgmma_f16": "attention",
        "nvjet_tst_192x192_64x4_1x2_h_bz_coopB_TNT": "matrix products",
        "sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize64x128": "matrix products",
        "void (anonymous namespace)::cunn_SoftMaxForward<4, float, float>": "softmax, gather, scatter",
        "Memcpy HtoD (Pageable -> Device)": "copies, casts, fills",
        "void at::native::vectorized_elementwise_kernel<4, at::native::exp_kernel_cuda>": "other pointwise, norms",
        "ncclDevKernel": "other",
    }
    for name, kind in names.items():
        event = SimpleNamespace(
            key=name,
            device_type=torch.autograd.DeviceType.CUDA,
            self_device_time_total=2000.0,
            is_user_annotation=False,
        )
        assert gpu.by_kind([event], torch.device("cuda")) == {kind: 2.0}
        event.is_user_annotation = True
        assert gpu.by_kind([event], torch.device("cuda")) == {}


def test_what_does_not_fit_is_noted_and_the_next_size_taken(gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    class Calm:
        def left(self) -> float:
            return 1000.0

    case = gpu.dataclasses.replace(gpu.TINY[0], sizes=(8, 4, 2))
    bench = gpu.Bench(case, torch.device("cpu"), Calm())
    real = bench.gradients

    def gradients(setting, sequences: int) -> float:
        if setting.micro_batch * (1 if setting.compiled else 2) > 8:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(setting, sequences)

    monkeypatch.setattr(bench, "gradients", gradients)
    with torch.compiler.set_stance("force_eager"):
        best, _ = bench.search(0.0)
    tried = {(note["micro_batch"], note["compiled"]): "failed" in note for note in bench.notes}
    assert tried == {(8, False): True, (4, False): False, (4, True): False, (8, True): False, (2, True): False}
    assert best.micro_batch in (2, 4, 8)
    assert "OutOfMemoryError" in bench.notes[0]["failed"]
