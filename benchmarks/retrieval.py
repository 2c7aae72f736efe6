"""How well passages are found: recall@5 and MRR by words, by a model's vectors and by both, on Portuguese questions.

    .venv/bin/python benchmarks/retrieval.py FAQUAD/dataset.json --model runs/mine      # a minute on one core

The questions are FaQuAD's (Sayama et al. 2019, BRACIS; CC BY 4.0): 900 on 249 paragraphs of 39 documents about
Brazilian universities, none of which the model has read. Each document becomes a text file and goes through ``prosa index`` as
any other. A passage is right where it holds the answer, or the greater part of it where the answer is cut. Intervals
are 95 % bootstraps over paragraphs, since questions on one are no independent sample.

It also chooses the threshold below which the program says that it found nothing (``search.RELEVANT``): questions that
the documents answer, against the same questions with their document taken out of what is found (which tells near
misses), and against questions on another matter (data/aira.jsonl.gz). Half of the documents choose, the others tell.
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


def mean(values: Sequence[float], questions: Sequence[Question]) -> str:
    """A mean over questions with its interval over paragraphs."""
    units = sorted({q.paragraph for q in questions})
    sums = [sum(v for v, q in zip(values, questions, strict=True) if q.paragraph == unit) for unit in units]
    counts = [sum(q.paragraph == unit for q in questions) for unit in units]
    low, high = bootstrap_ratio(sums, counts) or (float("nan"), float("nan"))
    return f"{sum(sums) / sum(counts):+.3f} ({low:+.3f} to {high:+.3f})"


def measure(
    index: Index, questions: list[Question], texts: dict[str, str], by: By, embedder: Embedder | None
) -> list[int]:
    """The rank of the right passage for each question."""
    return [right_rank(q, index.search(q.text, k=DEPTH, by=by, embedder=embedder), texts) for q in questions]


def threshold(index: Index, questions: list[Question], texts: dict[str, str], others: list[str]) -> None:
    """Print how well the share of a question that is covered tells found from not found."""
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
    print("\nthreshold: share told to be found; documents that choose, then the others")
    print("  least   answered  doc. removed  other matter | answered            doc. removed        other matter")
    for least in np.arange(0.3, 0.85, 0.05):
        row = [f"{(part >= least).mean():8.3f}" for part in (answered[chooses], without[chooses], elsewhere[::2])]
        told = []
        for part in (answered[~chooses], without[~chooses], elsewhere[1::2]):
            right = int((part >= least).sum())
            low, high = wilson(right, len(part))
            told.append(f"{right / len(part):.3f} ({low:.3f}-{high:.3f})")
        print(f"  {least:5.2f}   " + "  ".join(row) + "  | " + " ".join(told))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--model", help="a run or model folder whose vectors are measured too")
    arguments = parser.parse_args()
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
        print(f"{len(questions)} questions, {made.documents} documents, {made.passages} passages")
        ways: list[By] = ["words", "vectors", "both"] if embedder else ["words"]
        ranks = {by: measure(index, questions, texts, by, embedder) for by in ways}
        for by in ways:
            recall, mrr = [float(0 < r <= K) for r in ranks[by]], [1 / r if r else 0.0 for r in ranks[by]]
            print(f"{by:8} recall@{K} {mean(recall, questions)}  MRR {mean(mrr, questions)}")
        for by in ways[1:]:
            recall = [float(0 < a <= K) - float(0 < b <= K) for a, b in zip(ranks[by], ranks["words"], strict=True)]
            mrr = [(1 / a if a else 0) - (1 / b if b else 0) for a, b in zip(ranks[by], ranks["words"], strict=True)]
            print(f"{by:8} less words: recall@{K} {mean(recall, questions)}  MRR {mean(mrr, questions)}")
        quoted = [
            float(
                any(
                    is_right(q, found.hits[quote.number - 1].passage.file, quote.text, texts) for quote in quotes(found)
                )
            )
            for q in questions
            for found in [index.search(q.text, k=K)]
        ]
        print(f"a quoted sentence holds the greater part of the answer: {mean(quoted, questions)}")
        with gzip.open(ROOT / "data" / "aira.jsonl.gz", "rt", encoding="utf-8") as lines:
            others = [json.loads(line)["instruction"] for line in lines]
        threshold(index, questions, texts, others[:1000])
        print(f"(the program's: {search.RELEVANT})")


if __name__ == "__main__":
    main()
