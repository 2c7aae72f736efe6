"""Word2Vec here and in gensim: words a second in turns, and analogies right, on the same sentences.

    python benchmarks/word2vec.py TEXTS... --words 4200000 --analogies questions.txt --workers 2 --repeats 3

Both get the same words (``prosa.data.words``), a line a sentence, dimension 100, window 5, 5 negatives, threshold 1e-3.
Speed is of training alone, vocabulary and reading apart: ``--speed-epochs`` passes, in turns, the median ratio.
Quality is of ``--epochs`` passes, over the same analogies: those whose words are among the 30,000 most frequent.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import torch
from gensim.models import Word2Vec as Gensim

from prosa.corpus.config import CorpusConfig
from prosa.corpus.read import read_documents
from prosa.data.words import BREAK, WordStream, word_stream
from prosa.evaluate.analogies import read_analogies, score
from prosa.models.word_vectors import WordVectors
from prosa.train.word_vectors import train_word_vectors
from prosa.train.word_vectors_config import WordVectorsConfig


def sentences_of(stream: WordStream) -> list[list[str]]:
    """The stream as gensim wants it; no word is rare any more."""
    found: list[list[str]] = [[]]
    for id in stream.ids.tolist():
        if id == BREAK:
            found.append([])
        else:
            found[-1].append(stream.words[id])
    return [sentence for sentence in found if sentence]


def of_gensim(sentences: list[list[str]], method: str, epochs: int, workers: int) -> tuple[WordVectors, float, float]:
    model = Gensim(
        vector_size=100, window=5, negative=5, sg=method == "skip-gram", min_count=1, workers=workers, seed=1
    )
    model.build_vocab(sentences)
    wall, cpu = time.perf_counter(), time.process_time()
    model.train(sentences, total_examples=len(sentences), epochs=epochs)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return WordVectors(model.wv.index_to_key, model.wv.vectors), wall, cpu


def of_prosa(stream: WordStream, method: str, epochs: int, workers: int) -> tuple[WordVectors, float, float]:
    cpu = time.process_time()
    made = train_word_vectors(stream, WordVectorsConfig(method=method, epochs=epochs, workers=workers, seed=1))
    return made.vectors, made.seconds, time.process_time() - cpu


def reordered(vectors: WordVectors, words: list[str]) -> WordVectors:
    """The same vectors, the words in our order, so that the same analogies are asked."""
    return WordVectors(words, vectors.vectors[[vectors.place[word] for word in words]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("texts", nargs="+", type=Path)
    parser.add_argument("--words", type=int, default=4_200_000)
    parser.add_argument("--methods", nargs="+", default=["skip-gram", "cbow"])
    parser.add_argument("--analogies", nargs="*", type=Path, default=[])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--speed-epochs", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(max(1, given.workers))
    texts, left = [], given.words
    for document in read_documents(given.texts, CorpusConfig()):
        if left <= 0:
            break
        texts.append(document.text)
        left -= document.text.count(" ") + 1
    stream = word_stream(texts, 5)
    sentences = sentences_of(stream)
    words = sum(map(len, sentences))
    print(f"{words} words, {len(stream.words)} different, {len(sentences)} sentences", file=sys.stderr, flush=True)
    found: dict[str, object] = {"words": words, "vocab_size": len(stream.words), "workers": given.workers}
    for method in given.methods:
        rows = []
        for _ in range(given.repeats):
            row = {}
            for name, train, data in (("gensim", of_gensim, sentences), ("prosa", of_prosa, stream)):
                _, wall, cpu = train(data, method, given.speed_epochs, given.workers)
                row[name] = {"wall": words * given.speed_epochs / wall, "cpu": words * given.speed_epochs / cpu}
            rows.append(row)
            print(method, json.dumps(row), file=sys.stderr, flush=True)
        ratios = {
            kind: statistics.median(row["prosa"][kind] / row["gensim"][kind] for row in rows)
            for kind in ("wall", "cpu")
        }
        quality = {}
        for name, train, data in (
            (("gensim", of_gensim, sentences), ("prosa", of_prosa, stream)) if given.analogies else ()
        ):
            vectors, wall, _ = train(data, method, given.epochs, given.workers)
            quality[name] = {"seconds": wall} | {
                path.name: score(reordered(vectors, stream.words), read_analogies(path)).total.to_json()
                for path in given.analogies
            }
        found[method] = {"repeats": rows, "ratio": ratios, "quality": quality}
        print(method, json.dumps(found[method]["ratio"]), json.dumps(quality), file=sys.stderr, flush=True)  # type: ignore[index]
    text = json.dumps(found, indent=1)
    print(text)
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
