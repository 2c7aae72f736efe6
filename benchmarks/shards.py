"""From a corpus folder to token shards: `prosa prepare` against a tiktoken loop, with the same ids.

    .venv/bin/python benchmarks/shards.py             # about 5 minutes on two cores, 2 GB below --folder

The rival is nanoGPT's way (data/openwebtext/prepare.py): a document at a time through tiktoken into a list, an
end-of-text after it, all of it into a uint16 memmap; once with one process, once with a process a core, each with its
stretch of the file. It writes ids only; Prosa also writes where documents end, their bytes and SHA-256 of all of it.
Both read the same files, load the same GPT-2 vocabulary and write both splits. Every run is a process of its own that
times itself, after its imports, and reads its peak memory (its children's added) when it is done; ids are compared.

The corpus: the 20 MB of Portuguese that ship with Prosa, in documents of some 4 kB (a web page's size), repeated up to
the size asked for. So that repeating is no gift to encoders that remember words, 2 % of the words of every repetition
are new ones, made of one word's head and another's tail: the rate at which the last of those 20 MB still bring new
words (112,000 distinct ones), and twice that of real text at 400 MB by its n^0.6 growth.
"""

import argparse
import gzip
import itertools
import json
import multiprocessing
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve()
DATA, GPT2 = HERE.parents[1] / "data", HERE.parents[1] / "tests" / "samples" / "gpt2"
DOCUMENT_WORDS, NEW_WORDS, HELD_OUT = 1400, 0.02, 0.02  # words and what stands between them; shares
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
WAYS = {"tiktoken": 1, f"tiktoken, {CORES} processes": CORES, "prosa prepare": 0}


def shipped() -> list[str]:
    """The Portuguese text that ships, as words and what stands between them, in turn."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((DATA / "machado-de-assis").rglob("*.txt"))]
    for path in (DATA / "machado-de-assis" / "outras-obras.jsonl.gz", DATA / "eltec-modern.jsonl.gz"):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            texts += [json.loads(line)["text"] for line in file]
    return re.split(r"(\W+)", "\n\n".join(texts))


def documents() -> Iterator[str]:
    """Documents without end."""
    words, draw, first = shipped(), random.Random(0), True
    while True:
        text = list(words)
        for _ in range(0 if first else int(len(words) // 2 * NEW_WORDS)):
            at, head, tail = (2 * draw.randrange(len(words) // 2) for _ in range(3))
            text[at] = words[head][: 1 + len(words[head]) // 2] + words[tail][len(words[tail]) // 2 :]
        starts = list(range(0, len(text), DOCUMENT_WORDS))
        draw.shuffle(starts)
        for start in starts:
            yield "".join(text[start : start + DOCUMENT_WORDS]).strip()
        first = False


def make_corpus(folder: Path, megabytes: int) -> None:
    """A corpus folder as ``prosa corpus`` leaves it, of about that much text."""
    from prosa.core.files import building, mark_complete, write_json
    from prosa.corpus.document import Document
    from prosa.corpus.store import Writer, split_file

    with building(folder) as temporary:
        with split_file(temporary, "train").open("wb") as one, split_file(temporary, "held_out").open("wb") as other:
            writers, draw, total = {"train": Writer(one), "held_out": Writer(other)}, random.Random(0), 0.0
            for number, text in enumerate(documents()):
                document = Document(text, f"document {number}", "pt")
                writers["held_out" if draw.random() < HELD_OUT else "train"].write(document)
                total += document.n_bytes / 1e6
                if total >= megabytes:
                    break
        sizes = {split: vars(writer.size) for split, writer in writers.items()}
        write_json(temporary / "report.json", sizes)
        mark_complete(temporary)


def tiktoken_ids(path: Path, start: int, stop: int) -> "np.ndarray[Any, Any]":
    """The ids of the documents whose lines begin at bytes ``start`` to ``stop`` - 1: a loop that makes lists."""
    import tiktoken
    from tiktoken.load import data_gym_to_mergeable_bpe_ranks
    from tiktoken_ext.openai_public import r50k_pat_str

    ranks = data_gym_to_mergeable_bpe_ranks(str(GPT2 / "vocab.bpe"), str(GPT2 / "encoder.json"))
    encoding = tiktoken.Encoding(
        "gpt2", pat_str=r50k_pat_str, mergeable_ranks=ranks, special_tokens={"<|endoftext|>": len(ranks)}
    )
    parts = []
    with path.open("rb") as file:
        if start:
            file.seek(start - 1)
            file.readline()
        while file.tell() < stop:
            ids = encoding.encode_ordinary(json.loads(file.readline())["text"])
            ids.append(encoding.eot_token)
            parts.append(np.array(ids, dtype=np.uint16))
    return np.concatenate(parts)


def tiktoken_way(corpus: Path, out: Path, processes: int) -> None:
    """nanoGPT's way: ``out/train.bin`` and ``out/held_out.bin``."""
    out.mkdir()
    for split in ("train", "held_out"):
        path = corpus / f"{split}.jsonl"
        edges = np.linspace(0, path.stat().st_size, processes + 1).astype(int).tolist()
        work = [(path, start, stop) for start, stop in itertools.pairwise(edges)]
        if processes == 1:
            parts = [tiktoken_ids(*work[0])]
        else:
            with multiprocessing.Pool(processes) as pool:
                parts = pool.starmap(tiktoken_ids, work)
        memory = np.memmap(out / f"{split}.bin", dtype=np.uint16, mode="w+", shape=(sum(map(len, parts)),))
        np.concatenate(parts, out=memory)
        memory.flush()


def prosa_way(corpus: Path, out: Path) -> None:
    """``prosa prepare CORPUS --tokenizer gpt2:FOLDER --out OUT``."""
    from prosa.pipeline.prepare import prepare

    prepare((corpus,), tokenizer=f"gpt2:{GPT2}", out=out)


def one_run(corpus: Path, out: Path, processes: int) -> dict[str, float]:
    """Seconds and peak memory (MB) of this process doing it once."""
    import resource

    if processes:
        import tiktoken  # noqa: F401
    else:
        import prosa.pipeline.prepare  # noqa: F401
    start = time.perf_counter()
    tiktoken_way(corpus, out, processes) if processes else prosa_way(corpus, out)
    seconds = time.perf_counter() - start
    status = Path("/proc/self/status")
    if status.is_file():  # ru_maxrss begins at the size of the parent process
        kilobytes = int(status.read_text().split("VmHWM:")[1].split()[0])
    else:
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if processes > 1:
        kilobytes += processes * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return {"seconds": seconds, "peak": kilobytes / 1000}


def ids_of(out: Path, split: str) -> "np.ndarray[Any, Any]":
    """All ids that a run wrote for a split."""
    files = sorted(out.glob(f"*{split}*.bin"))
    return np.concatenate([np.fromfile(file, dtype="<u2") for file in files])


def main() -> None:
    """Make the corpora, run each way in turn, print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[20, 100, 400], help="sizes of the corpora")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each way at each size; medians are printed")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "prosa-shards", help="corpora")
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        corpus, out, processes = arguments.run
        print(json.dumps(one_run(Path(corpus), Path(out), int(processes))))
        return
    print(f"{'MB':>5}  {'way':<24} {'seconds':>8} {'MB/s':>7} {'x tiktoken':>10} {'peak MB':>8}")
    for megabytes in arguments.megabytes:
        corpus = arguments.folder / f"{megabytes}-mb"
        if not (corpus / "COMPLETE").is_file():
            make_corpus(corpus, megabytes)
        figures = measure(corpus, arguments.repeats)
        size = sum(part["bytes"] for part in json.loads((corpus / "report.json").read_text()).values()) / 1e6
        base = figures["tiktoken"]["seconds"]
        for way, figure in figures.items():
            seconds = figure["seconds"]
            print(
                f"{size:5.0f}  {way:<24} {seconds:8.2f} {size / seconds:7.1f} {base / seconds:10.2f} "
                f"{figure['peak']:8.0f}",
                flush=True,
            )
        fastest = min(figure["seconds"] for way, figure in figures.items() if way.startswith("tiktoken"))
        ratio = fastest / min(figure["seconds"] for way, figure in figures.items() if way.startswith("prosa"))
        print(f"       target: 5 x tiktoken; {base / fastest * ratio:.2f} x one process, {ratio:.2f} x the faster way")


def measure(corpus: Path, repeats: int) -> dict[str, dict[str, float]]:
    """Medians of each way, run in turn; stops when the ids of two ways differ."""
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for repeat in range(repeats):
        with tempfile.TemporaryDirectory(dir=corpus.parent) as folder:
            for number, (way, processes) in enumerate(WAYS.items()):
                command = [sys.executable, str(HERE), "--run", str(corpus), f"{folder}/{number}", str(processes)]
                done = subprocess.run(command, check=True, capture_output=True)
                runs[way].append(json.loads(done.stdout))
            if repeat == 0:
                for split in ("train", "held_out"):
                    found = [ids_of(Path(folder) / str(number), split) for number in range(len(WAYS))]
                    if not all(np.array_equal(found[0], ids) for ids in found[1:]):
                        raise SystemExit(f"the ids of {split} differ")
    return {way: {key: statistics.median(r[key] for r in done) for key in done[0]} for way, done in runs.items()}


if __name__ == "__main__":
    main()
