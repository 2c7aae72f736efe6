"""How well passages are found: recall@5 and MRR by words, by a model's vectors and by both, on Portuguese questions.

    .venv/bin/python benchmarks/retrieval.py FAQUAD/dataset.json --model runs/mine      # a minute on one core

The questions are FaQuAD's (Sayama et al. 2019, BRACIS; CC BY 4.0): 900 on 249 paragraphs of 39 documents about
Brazilian universities, none of which the model has read. Each document becomes a text file and goes through
``prosa index`` as any other. A passage is right where it holds the answer, or the greater part of it where the answer
is cut. Intervals are 95 % bootstraps over paragraphs, since questions on one are no independent sample.

It also chooses the threshold below which the program says that it found nothing (``search.RELEVANT``): questions that
the documents answer, against the same questions with their document taken out of what is found (which tells near
misses), and against questions on another matter (data/aira.jsonl.gz). Half of the documents choose, the others tell.
What it measured goes to benchmarks/results/retrieval.json.
"""

import argparse
import gzip
import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prosa.core.interval import bootstrap_ratio, wilson
from prosa.corpus.repair import normalize
from prosa.retrieve import search
from prosa.retrieve.answer import quotes
from prosa.retrieve.index import update_index
from prosa.retrieve.search import By, Found, Index
from prosa.retrieve.vectors import Embedder

ROOT = Path(__file__).parents[1]
K, DEPTH = 5, 50


@dataclass(frozen=True)
class Question:
    """A question, and where its answer stands: characters of a file."""

    text: str
    file: str
    start: int
    end: int
    paragraph: int


def write_documents(dataset: Path, folder: Path) -> tuple[list[Question], dict[str, str]]:
    """FaQuAD's documents as text files; the questions, and the text of each file."""
    questions, texts, paragraph = [], {}, 0
    for article in json.loads(dataset.read_text(encoding="utf-8"))["data"]:
        name = article["title"].replace("/", "_") + ".txt"
        text = ""
        for part in article["paragraphs"]:
            paragraph += 1
            for asked in part["qas"]:
                answer = asked["answers"][0]
                start = len(text) + len(plain(part["context"][: answer["answer_start"]]))
                end = start + len(plain(answer["text"]))
                questions.append(Question(asked["question"], name, start, end, paragraph))
            text += plain(part["context"]) + "\n\n"
        texts[name] = text
        (folder / name).write_text(text, encoding="utf-8")
    return questions, texts


def plain(text: str) -> str:
    """A text as reading it leaves it, with single blanks."""
    return re.sub(r"\s+", " ", normalize(f".{text}.")[1:-1].lstrip())


def is_right(question: Question, file: str, passage: str, texts: dict[str, str]) -> bool:
    """Whether a passage holds the answer, or its greater part."""
    if file != question.file:
        return False
    at = texts[file].find(passage)
    if at < 0:
        raise ValueError(f"{file} has no passage {passage!r}")
    overlap = min(question.end, at + len(passage)) - max(question.start, at)
    return 2 * overlap > question.end - question.start


def right_rank(question: Question, found: Found, texts: dict[str, str]) -> int:
    """The rank of the first right passage, from 1; 0 where there is none."""
    ranks = (n for n, h in enumerate(found.hits, 1) if is_right(question, h.passage.file, h.passage.text, texts))
    return next(ranks, 0)


def mean(values: Sequence[float], questions: Sequence[Question]) -> list[float]:
    """A mean over questions, and the ends of its interval over paragraphs."""
    units = sorted({q.paragraph for q in questions})
    sums = [sum(v for v, q in zip(values, questions, strict=True) if q.paragraph == unit) for unit in units]
    counts = [sum(q.paragraph == unit for q in questions) for unit in units]
    low, high = bootstrap_ratio(sums, counts) or (float("nan"), float("nan"))
    return [round(value, 4) for value in (sum(sums) / sum(counts), low, high)]


def measure(
    index: Index, questions: list[Question], texts: dict[str, str], by: By, embedder: Embedder | None
) -> list[int]:
    """The rank of the right passage for each question."""
    return [right_rank(q, index.search(q.text, k=DEPTH, by=by, embedder=embedder), texts) for q in questions]


def threshold(index: Index, questions: list[Question], texts: dict[str, str], others: list[str]) -> list[dict]:
    """How often something is told to be found, for each least share of a question that a passage must cover."""
    files = sorted({q.file for q in questions})
    found = [index.search(q.text, k=DEPTH) for q in questions]
    chooses = np.array([files.index(q.file) % 2 == 0 for q in questions])
    answered = np.array([max((h.covered for h in f.hits[:K]), default=0) for f in found])
    without = np.array(
        [
            max([h.covered for h in f.hits if h.passage.file != q.file][:K], default=0)
            for q, f in zip(questions, found, strict=True)
        ]
    )
    elsewhere = np.array([index.search(text, k=K).covered for text in others])
    parts = {
        "chooses": (answered[chooses], without[chooses], elsewhere[::2]),
        "tells": (answered[~chooses], without[~chooses], elsewhere[1::2]),
    }
    rows = []
    for least in np.arange(0.3, 0.85, 0.05):
        row: dict = {"least": round(float(least), 2)}
        for half, arrays in parts.items():
            row[half] = {}
            for name, part in zip(("answered", "document_removed", "other_matter"), arrays, strict=True):
                told = int((part >= least).sum())
                row[half][name] = [round(value, 4) for value in (told / len(part), *wilson(told, len(part)))]
        rows.append(row)
        print(f"{least:.2f}", {half: [f"{row[half][name][0]:.3f}" for name in row[half]] for half in parts})
    return rows


def rank_figures(ranks: list[int], questions: list[Question]) -> dict:
    """recall@5 and MRR."""
    return {
        f"recall@{K}": mean([float(0 < r <= K) for r in ranks], questions),
        "mrr": mean([1 / r if r else 0.0 for r in ranks], questions),
    }


def differences(ranks: list[int], words: list[int], questions: list[Question]) -> dict:
    """What a way of searching gains over words alone, question by question."""
    pairs = list(zip(ranks, words, strict=True))
    return {
        f"recall@{K}": mean([float(0 < a <= K) - float(0 < b <= K) for a, b in pairs], questions),
        "mrr": mean([(1 / a if a else 0) - (1 / b if b else 0) for a, b in pairs], questions),
    }


def is_quoted(question: Question, index: Index, texts: dict[str, str]) -> bool:
    """Whether a sentence that is quoted holds the answer, or its greater part."""
    found = index.search(question.text, k=K)
    return any(
        is_right(question, found.hits[quote.number - 1].passage.file, quote.text, texts) for quote in quotes(found)
    )


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--model", help="a run or model folder whose vectors are measured too")
    arguments = parser.parse_args()
    result: dict = {"dataset": "FaQuAD", "model": arguments.model, "relevant": search.RELEVANT}
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name) / "documents", Path(name) / "index"
        folder.mkdir()
        questions, texts = write_documents(arguments.dataset, folder)
        embedder = None
        if arguments.model:
            from prosa.pipeline.index import load_embedder

            embedder = load_embedder(arguments.model)
        made = update_index(folder, out, embedder=embedder)
        index = Index(out)
        result |= {"questions": len(questions), "documents": made.documents, "passages": made.passages}
        ways: list[By] = ["words", "vectors", "both"] if embedder else ["words"]
        ranks = {by: measure(index, questions, texts, by, embedder) for by in ways}
        result["ways"] = {by: rank_figures(ranks[by], questions) for by in ways}
        result["less_words"] = {by: differences(ranks[by], ranks["words"], questions) for by in ways[1:]}
        result["quoted"] = mean([float(is_quoted(q, index, texts)) for q in questions], questions)
        print(json.dumps(result, indent=1))
        with gzip.open(ROOT / "data" / "aira.jsonl.gz", "rt", encoding="utf-8") as lines:
            others = [json.loads(line)["instruction"] for line in lines]
        result["threshold"] = threshold(index, questions, texts, others[:1000])
    out = ROOT / "benchmarks" / "results" / "retrieval.json"
    out.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
