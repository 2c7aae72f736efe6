"""Clients written for OpenAI against ``prosa serve``, unchanged: ``make clients RUN=runs/demo``.

Each script of this folder is one client; it has the address, a key, the model's name and what the engine alone says
in ``PROSA_URL``, ``PROSA_KEY``, ``PROSA_MODEL`` and ``PROSA_FACTS``, and fails with an assertion. One line a client.

    python tests/serve/clients/matrix.py runs/demo --python .clients/bin/python --node .clients/node_modules
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

QUESTION = "Quanto é 48 + 76?"
PAIRS = [
    ("Era uma vez", " um rei que tinha três filhas."),
    ("O gato subiu no", " telhado e olhou para a lua."),
    ("Quanto é 2 + 2?", " Quatro."),
    ("", "Começar do nada também é começar."),
    ("A capital do Brasil é", " Brasília, e não o Rio — já foi."),
    ("Acentos:", " ação, coração, maçã, 😀"),
]


def facts(server: Any, folder: Path) -> dict[str, Any]:
    """What the engine says by itself."""
    from prosa.generate.reading import score
    from prosa.generate.sampling import Sampling
    from prosa.tokenizers.chat import Message

    engine, tokenizer, encoder = server.engine, server.tokenizer, server.served.chat

    def answer(question: str) -> str:
        prompt = encoder.prompt([Message("user", question)])
        never = ((encoder.call_id, -100.0),)
        return str(engine.generate([prompt], Sampling(temperature=0, logit_bias=never), max_tokens=40)[0].text)

    likelihoods = []
    for context, continuation in PAIRS:
        before = tokenizer.encode(context) or [tokenizer.end_of_text]
        ids = [*before, *tokenizer.encode(context + continuation)[len(tokenizer.encode(context)) :]]
        scored = score(engine, ids, top=1)[len(before) - 1 :]
        likelihoods.append([sum(t.logprob for t in scored), all(t.top[0].id == t.id for t in scored)])
    return {
        "question": QUESTION,
        "answer": answer(QUESTION),
        "text": engine.generate(["Era uma vez"], Sampling(temperature=0), max_tokens=20)[0].text,
        "width": engine.model.config.d_model,
        "context": engine.model.config.context,
        "pairs": PAIRS,
        "likelihoods": likelihoods,
        "tokenizer": str(folder),
    }


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--python", default=sys.executable, help="of the environment with requirements.txt")
    parser.add_argument("--node", default="", help="folder node_modules with package.json's packages")
    parser.add_argument("--only", default="", help="clients whose names have this in them")
    arguments = parser.parse_args()
    from serving import Serving

    from prosa.pipeline.run import model_folder

    failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = Serving(Path(arguments.run), folder / "serve.sqlite", name="demo")
        (folder / "facts.json").write_text(json.dumps(facts(server, model_folder(arguments.run).resolve())))
        environment = {
            **{key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
            "PROSA_URL": server.address,
            "PROSA_KEY": server.key,
            "PROSA_MODEL": "demo",
            "PROSA_FACTS": str(folder / "facts.json"),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "HF_HUB_OFFLINE": "1",
        }
        for script in sorted(HERE.glob("use_*")):
            if arguments.only not in script.name:
                continue
            command = [arguments.python, str(script)]
            if script.suffix == ".mjs":
                copy = Path(arguments.node).resolve().parent / script.name  # where node looks for packages from
                copy.write_bytes(script.read_bytes())
                command = ["node", str(copy)]
            begin = time.monotonic()
            made = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
            failed += made.returncode != 0
            said = made.stdout.strip().splitlines()[-1:] if made.returncode == 0 else ["FAILED"]
            print(f"{script.name:<24} {time.monotonic() - begin:5.1f} s  {''.join(said)}", flush=True)
            if made.returncode:
                print(made.stdout[-2000:], made.stderr[-4000:], sep="\n")
        server.close()
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
