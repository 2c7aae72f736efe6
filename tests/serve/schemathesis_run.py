"""Schemathesis against a server of its own: every endpoint, right and wrong data, every check that it has.

    python tests/serve/schemathesis_run.py --cases 10000

Nothing is excluded. Beside Schemathesis' own statuses for data that fits the schema, 400 is right (a schema cannot say
that a prompt must fit the context), and 429 (the queue). Ends with 1 where a check fails; a request that takes more
than ten seconds is a failure.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from serving import Serving

from prosa.models.gpt import GPT, GPTConfig
from prosa.models.huggingface import save_model
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train

PORTION = 1000
"""Cases of one run, each with its own seed: Schemathesis becomes slow with many."""

SETTINGS = """
[checks]
positive_data_acceptance.expected-statuses = [200, 400, 401, 403, 404, 429]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 413, 415, 422, 428, 429]
"""


def tiny_model(folder: Path) -> Path:
    """A model with random weights, which may say anything."""
    tokenizer = train(["Uma frase qualquer, para ter palavras. " * 20], TokenizerConfig(vocab_size=300))
    torch.manual_seed(0)
    save_model(GPT(GPTConfig(tokenizer.vocab_size, 64, 1, 2, 32)), folder, tokenizer=tokenizer)
    return folder


def run(
    server: Serving, cases: int, folder: Path, *, seed: int = 1, phases: str = "examples,coverage,fuzzing,stateful"
) -> tuple[int, int, str]:
    """Its exit code, the number of cases, and what it printed."""
    (folder / "schemathesis.toml").write_text(SETTINGS)
    operations = sum(len(methods) for methods in server.client.get("/openapi.json").json()["paths"].values())
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        f"--config-file={folder / 'schemathesis.toml'}",
        "run",
        f"{server.address}/openapi.json",
        f"--header=Authorization: Bearer {server.key}",
        "--checks=all",
        "--mode=all",
        f"--phases={phases}",
        f"--max-examples={max(1, -(-cases // operations))}",
        f"--seed={seed}",
        "--max-response-time=10",
        "--request-timeout=20",
        "--continue-on-failure",
        "--generation-database=:memory:",
        "--no-color",
        "--suppress-health-check=all",
    ]
    made = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    text = made.stdout + made.stderr
    found = re.search(r"([\d,]+) generated", text)
    return made.returncode, int(found[1].replace(",", "")) if found else 0, text


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000, help="at least")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = Serving(tiny_model(folder / "model"), folder / "serve.sqlite")
        done, seed, code, phases = 0, arguments.seed, 0, "examples,coverage,fuzzing,stateful"
        while done < arguments.cases:
            code, cases, text = run(server, min(PORTION, arguments.cases - done), folder, seed=seed, phases=phases)
            done, seed, phases = done + cases, seed + 1, "fuzzing,stateful"  # the others would be the same again
            print(text, f"{done} cases so far", sep="\n", flush=True)
            if code or not cases:
                break
        metrics = [line for line in server.client.get("/metrics").text.splitlines() if "prosa_requests_total" in line]
        server.close()
    print(json.dumps({"cases": done, "exit": code}), *metrics, sep="\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
