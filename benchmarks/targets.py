"""Every target of speed beside its figure on this machine: all benchmarks, one after another, then their verdicts.

    .venv/bin/python benchmarks/targets.py --rivals FOLDER            # about an hour on two cores; leave them alone
    .venv/bin/python benchmarks/targets.py --rivals FOLDER --only tokens shards

FOLDER/venv is made, with the rivals that are public packages, where it is missing; nanoGPT and nanochat are no
packages: put checkouts at FOLDER/nanoGPT and FOLDER/nanochat, or they are left out, and that is said. What a benchmark
prints goes to the screen as it comes; at the end its lines with a target are repeated. The GPU's benchmark runs where
torch finds one, and as a dry run elsewhere (then its figures mean nothing).
"""

import argparse
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
CONSTRAINTS = HERE.parent / "constraints.txt"
PACKAGES = ["torch", "numpy", "transformers", "tiktoken", "safetensors", "requests", "filelock", "xllamacpp", "gguf"]
WITHOUT_THEIR_PINS = ["litgpt", "lightning", "lightning-utilities", "torchmetrics", "pytorch-lightning"]
"""litgpt asks for older packages than the others have; its model needs none of them."""


def rivals_python(folder: Path) -> Path:
    """The Python of the rivals' environment, which is made where it is missing."""
    python = folder / "venv" / "bin" / "python"
    if not python.exists():
        venv.create(folder / "venv", with_pip=True)
        install = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, "-c", str(CONSTRAINTS), *PACKAGES], check=True)
        subprocess.run([*install, "--no-deps", *WITHOUT_THEIR_PINS], check=True)
    return python


def commands(folder: Path, python: Path) -> dict[str, list[str]]:
    """The command of each benchmark, by name."""
    import torch

    paths = {name: folder / name for name in ("nanoGPT", "nanochat")}
    for name, path in paths.items():
        if not path.is_dir():
            print(f"left out: {name} (no checkout at {path})")
    there = {name: path for name, path in paths.items() if path.is_dir()}
    options = [word for name, path in there.items() for word in (f"--{name.lower()}", str(path))]
    found = {
        "quality": ["quality.py", "--nanogpt", str(paths["nanoGPT"]), "--python", str(python)],
        "tokens": ["tokens.py", *options, "--python", str(python)],
        "shards": ["shards.py"],
        "decoding": ["decoding.py", "--rivals-python", str(python)],
        "memory": ["memory.py"],
        "gpu": ["gpu.py"] if torch.cuda.is_available() else ["gpu.py", "--dry-run"],
    }
    if "nanoGPT" not in there:
        del found["quality"]
    return {name: words for name, words in found.items() if (HERE / words[0]).is_file()}


def main() -> None:
    """Run them and print the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rivals", type=Path, required=True, help="folder of the rivals")
    parser.add_argument("--only", nargs="+", help="names of benchmarks")
    asked = parser.parse_args()
    folder = asked.rivals.resolve()
    chosen = commands(folder, rivals_python(folder))
    unknown = set(asked.only or ()) - set(chosen)
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(chosen)}")
    verdicts: list[str] = []
    for name in asked.only or chosen:
        print(f"\n== {name}: {' '.join(chosen[name])}", flush=True)
        command = [sys.executable, str(HERE / chosen[name][0]), *chosen[name][1:]]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            for line in running.stdout:
                print(line, end="", flush=True)
                if "target" in line:
                    verdicts.append(f"{name:9} {line.strip()}")
        if running.returncode:
            verdicts.append(f"{name:9} failed (exit code {running.returncode})")
    print("\nTargets\n" + "\n".join(verdicts))


if __name__ == "__main__":
    main()
