"""A run folder as the stages write it, of made-up figures: for the tests, and to look at the report without a run.

python tests/show/fake_run.py runs/fake
"""

import json
import math
import random
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

TEXTS = (  # Machado de Assis (died 1908), public domain: Dom Casmurro, Brás Cubas, O Alienista, Quincas Borba
    "Uma noite destas, vindo da cidade para o Engenho Novo, encontrei no trem da Central um rapaz aqui do bairro, que "
    "eu conheço de vista e de chapéu. Cumprimentou-me, sentou-se ao pé de mim, falou da lua e dos ministros, e acabou "
    "recitando-me versos. A viagem era curta, e os versos pode ser que não fossem inteiramente maus.",
    "Algum tempo hesitei se devia abrir estas memórias pelo princípio ou pelo fim, isto é, se poria em primeiro lugar "
    "o meu nascimento ou a minha morte. Suposto o uso vulgar seja começar pelo nascimento, duas considerações me "
    "levaram a adotar diferente método.",
    "As crônicas da vila de Itaguaí dizem que em tempos remotos vivera ali um certo médico, o Dr. Simão Bacamarte, "
    "filho da nobreza da terra e o maior dos médicos do Brasil, de Portugal e das Espanhas.",
    "Rubião fitava a enseada, eram oito horas da manhã. Quem o visse, com os polegares metidos no cordão do chambre, "
    "à janela de uma grande casa de Botafogo, cuidaria que ele admirava aquele pedaço de água quieta.",
)
SAMPLES = (
    (0, "vçQ;;õ tz\nLê9 —gq óáx xx,,pE uúR"),
    (100, " e a o de que a a , de e o da que . a de o de"),
    (250, " que de casa não era uma de sua não, e a mesmo, que não de um para o homem"),
    (500, " de um homem que não tinha sido de casa; mas era a mulher do major, e não disse nada à mãe"),
    (1000, " um rapaz que vivia na rua do Ouvidor, e que todos os dias ia à casa do tio. Não sabia ele que a moça"),
    (2000, " um velho médico, que morava na rua dos Inválidos.\n— Não me diga isso, respondeu ele; a senhora sabe que "
           "não tenho outro remédio. E saiu, levando o chapéu na mão, sem olhar para trás."),
)  # fmt: skip
STEPS = 2000
VOCABULARY = 4096
EVALUATION = {
    "nats_per_token": 4.182,
    "bits_per_byte": 1.7362,
    "perplexity": 65.497,
    "tokens": 121_400,
    "bytes": 421_875,
    "documents": 187,
    "interval": [1.7105, 1.7634],
    "interval_over": "documents",
    "baselines": {
        "uniform": math.log(VOCABULARY),
        "unigram": 6.4411,
        "kn2": 5.0127,
        "kn3": 4.7011,
        "kn4": 4.6633,
        "kn5": 4.6602,
    },
}
CORPUS = {
    "documents_in": 2014,
    "bytes_in": 10_482_113,
    "documents_out": 1862,
    "bytes_out": 9_655_010,
    "train": {"documents": 1675, "bytes": 9_233_135},
    "held_out": {"documents": 187, "bytes": 421_875},
    "split_note": "Documents were held out by a hash of their text.",
    "lengths": {"min": 61, "p10": 410, "median": 3122, "p90": 11_020, "max": 240_112},
    "languages": {
        "pt": {"documents": 1850, "bytes": 9_600_000},
        "es": {"documents": 9, "bytes": 50_000},
        "en": {"documents": 3, "bytes": 5_010},
    },
    "formats": {
        "txt": {"documents": 1302, "bytes": 7_655_010},
        "jsonl": {"documents": 540, "bytes": 1_500_000},
        "pdf": {"documents": 20, "bytes": 500_000},
    },
    "rules": [
        {"rule": "reflow", "kind": "changes", "documents": 310, "bytes": -120, "examples": [
            {"source": "romances/helena.txt", "excerpt": "O conselheiro Vale morreu às 7 da noite", "why": "70"}]},
        {"rule": "length", "kind": "removes", "documents": 61, "bytes": 3_411, "examples": [
            {"source": "cartas/bilhete.txt", "excerpt": "Vou já.", "why": "7 < 50"}]},
        {"rule": "exact_duplicates", "kind": "removes", "documents": 40, "bytes": 210_220, "examples": [
            {"source": "contos/missa-do-galo-2.txt", "excerpt": "Nunca pude entender a conversação que tive com uma "
             "senhora, há muitos anos, contava eu dezessete, ela trinta.", "why": "contos/missa-do-galo.txt"}]},
        {"rule": "near_duplicates", "kind": "removes", "documents": 48, "bytes": 601_772, "examples": [
            {"source": "paginas.jsonl:312", "excerpt": "<script>alert('documento')</script> & <b>negrito</b>",
             "why": "paginas.jsonl:17, 0.93"}]},
        {"rule": "repetition", "kind": "removes", "documents": 3, "bytes": 11_700, "examples": [
            {"source": "ruim/" + "a" * 120 + ".txt", "excerpt": "ha" * 300, "why": "0.98 > 0.30"}]},
        {"rule": "language", "kind": "removes", "documents": 0, "bytes": 0, "examples": []},
    ],
    "problems": [{"source": "quebrado.pdf", "why": "EOF marker not found"},
                 {"source": "dados.jsonl:7", "why": "Expecting ',' delimiter: line 1 column 20 (char 19)"}],
    "problem_count": 2,
}  # fmt: skip


def metrics() -> list[dict[str, Any]]:
    """Lines of metrics.jsonl: a loss that falls as a power of the step, a cosine schedule, a machine that hiccups."""
    noise = random.Random(7)
    lines: list[dict[str, Any]] = []
    texts = dict(SAMPLES)
    for step in range(0, STEPS + 1, 5):
        loss = 3.4 + (math.log(VOCABULARY) - 3.4) * (1 + step / 60) ** -0.55
        rate = 1e-3 * min(1.0, (step + 1) / 100) * (0.55 + 0.45 * math.cos(math.pi * step / STEPS))
        lines.append({
            "kind": "train", "step": step, "loss": loss + noise.gauss(0, 0.09), "lr": rate,
            "grad_norm": 0.4 + 2 * math.exp(-step / 80) + abs(noise.gauss(0, 0.08)), "tokens": (step + 1) * 4096,
            "tokens_per_second": 14_200 + noise.gauss(0, 350) - (4000 if 900 < step < 960 else 0),
            "seconds": step * 0.29 + 1, "share_of_peak": 0.41 + noise.gauss(0, 0.01),
        })  # fmt: skip
        if step % 250 == 0:
            value = loss + 0.12 + step / STEPS * 0.3
            lines.append({"kind": "validation", "step": step, "loss": value, "bits_per_byte": value * 0.41516})
        if step in texts:
            lines.append({"kind": "sample", "step": step, "prompt": "Era uma vez", "text": texts[step]})
    return lines


def make_run(folder: Path) -> Path:
    """Write the run; returns ``folder``."""
    for part in ("corpus", "data", "base"):
        (folder / part).mkdir(parents=True, exist_ok=True)

    def write(name: str, value: Any) -> None:
        (folder / name).write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")

    def write_lines(name: str, values: list[dict[str, Any]]) -> None:
        text = "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)
        (folder / name).write_text(text, encoding="utf-8")

    write("corpus/report.json", CORPUS)
    held_out = [{"id": f"{i:016x}", "text": t, "source": f"{i}.txt", "lang": "pt"} for i, t in enumerate(TEXTS)]
    write_lines("corpus/held_out.jsonl", held_out)
    split = {"documents": 1675, "tokens": 2_655_000, "bytes": 9_233_135}
    write("data/index.json", {"dtype": "uint16", "vocab_size": VOCABULARY, "splits": {"train": split}})
    make_tokenizer(folder / "tokenizer")
    shutil.copytree(folder / "tokenizer", folder / "base", dirs_exist_ok=True)
    write("base/config.json", {
        "model_type": "qwen3", "num_hidden_layers": 6, "num_attention_heads": 6, "hidden_size": 384,
        "max_position_embeddings": 256, "vocab_size": VOCABULARY,
    })  # fmt: skip
    weights = {"model.embed_tokens.weight": np.zeros((VOCABULARY, 384), np.float16), "b": np.zeros((7,), np.float16)}
    save_file(weights, folder / "base" / "model.safetensors", metadata={"format": "pt"})
    write("base/env.json", {
        "prosa": "0.1.0", "commit": "0123abcd", 
        "command": ["/x/.venv/bin/prosa", "build", "meus textos/", "--out", "runs/eu"],
        "python": "3.11.2", "platform": "Linux-6.1-x86_64", "cpu": "Intel(R) Xeon(R) Processor @ 2.60GHz", "cores": 2,
        "torch_threads": 2, "gpu": None, "packages": {"torch": "2.13.0", "numpy": "2.4.6"},
    })  # fmt: skip
    recipe = "seed: 0\ntokenizer:\n  kind: bpe\n  vocab_size: 4096\ntrain:\n  lr: 0.001\n  steps: 2000\n"
    (folder / "recipe.yaml").write_text(recipe, encoding="utf-8")
    write_lines("base/metrics.jsonl", metrics())
    (folder / "base" / "COMPLETE").touch()
    write("evaluation.json", EVALUATION)
    return folder


def make_tokenizer(folder: Path) -> None:
    """A real byte-level BPE of a few hundred tokens, trained on ``TEXTS``, as its Hugging Face files."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=520, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")


if __name__ == "__main__":
    print(make_run(Path(sys.argv[1])))
