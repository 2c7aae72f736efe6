"""A server under load: many streaming clients, random disconnects, and a kill in the middle.

    .venv/bin/python benchmarks/load.py runs/demo                      # 1,000 clients, 2,000 disconnects, one kill
    .venv/bin/python benchmarks/load.py runs/demo --clients 100 --disconnects 200
    .venv/bin/python benchmarks/load.py runs/demo --flags="--queue 2000"

The server is `prosa serve` in a process of its own, the clients speak HTTP over plain sockets, so that they can leave
at any byte. Every client asks something else, and its answer is compared with what the engine alone writes to it
(greedy): an answer that is another client's, or has a token too few or too many, is "wrong". Each of the four parts
says what it found, and FAILED where it is not this:

1. Many clients at once: every answer is right, or an explicit 429 or 503. Time to the first token of those that are.
2. Memory of the server afterwards, beside what it was after a first crowd (its cache fills up to its budget and stays,
   as do the allocator's pages): within 5 %.
3. Disconnects at random moments, by FIN or by RST: no file descriptor, thread, place in the batch or request remains.
4. `kill -9` while clients read: keys still work, every answer that a client had whole is in the usage, and what was
   reserved for the others blocks nobody's quota.
"""

import argparse
import asyncio
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

from prosa.corpus import load_corpus
from prosa.generate.engine import Engine
from prosa.generate.sampling import Sampling
from prosa.pipeline.run import load
from prosa.serve.keys import Keys
from prosa.serve.usage import Usage

TOKENS = 24
READY = 120.0  # seconds that the server may take to load its model
GONE = 20.0  # seconds after which nothing of clients that left may remain


@dataclass
class Answer:
    """What a client got: ``end`` is whole, refused (429 or 503), left, or broken."""

    end: str = "broken"
    status: int = 0
    text: str = ""
    tokens: int = 0
    first: float | None = None  # seconds to the first piece of text
    detail: str = ""


@dataclass
class Server:
    """`prosa serve` in its own process."""

    run: str
    keys: Path
    flags: Sequence[str] = ()
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    log: Path = field(default_factory=lambda: Path(tempfile.mkstemp(suffix=".log")[1]))

    def start(self) -> None:
        """Start it, and come back when it answers."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "prosa", "serve", self.run, "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--keys", str(self.keys), *self.flags], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        until = time.monotonic() + READY
        while time.monotonic() < until and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f"the server does not answer:\n{self.log.read_text()}")

    @property
    def pid(self) -> int:
        """Its process number."""
        assert self.process is not None
        return self.process.pid

    def memory(self) -> int:
        """Its resident bytes."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        assert found is not None
        return int(found[1]) * 1024

    def open_files(self) -> int:
        """Its file descriptors."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def threads(self) -> int:
        """Its threads."""
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait; its exit code."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(60)


async def ask(
    port: int, key: str, body: dict[str, object], *, leave: float | None = None, reset: bool = False
) -> Answer:
    """One streaming request.

    Args:
        leave: Seconds after which to go away, whatever has come.
        reset: Go by RST, as a machine that dies, not by FIN.
    """
    answer, begin, writer = Answer(), time.perf_counter(), None

    async def talk() -> None:
        nonlocal writer
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        data = json.dumps(body).encode()
        head = (
            f"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        writer.write(head.encode() + data)
        await writer.drain()
        status, headers = await _head(reader)
        answer.status = status
        if status != 200:
            content = await reader.readexactly(int(headers.get("content-length", "0")))
            answer.detail = content.decode(errors="replace")[:200]
            explicit = status in (429, 503) and "error" in json.loads(content) and "retry-after" in headers
            answer.end = "refused" if explicit else "broken"
            return
        async for event in _events(reader):
            if event == "[DONE]":
                answer.end = "whole"
                continue
            _take(json.loads(event), answer, time.perf_counter() - begin)

    try:
        await asyncio.wait_for(talk(), leave)
    except TimeoutError:
        answer.end = "left"
    except (OSError, asyncio.IncompleteReadError, ValueError) as error:
        answer.end, answer.detail = "broken", f"{type(error).__name__}: {error}"
    finally:
        if writer is not None:
            if reset and answer.end == "left":
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
            writer.close()
    return answer


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
    headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
    return int(first.split()[1]), headers


async def _events(reader: asyncio.StreamReader):  # type: ignore[no-untyped-def]
    """The data of each server-sent event, of a chunked body that must end as such."""
    rest = b""
    while True:
        size = int(await reader.readuntil(b"\r\n"), 16)
        chunk = await reader.readexactly(size + 2)
        if size == 0:
            if rest.strip():
                raise ValueError(f"half an event at the end: {rest[:80]!r}")
            return
        rest += chunk[:-2]
        while b"\n\n" in rest:
            event, rest = rest.split(b"\n\n", 1)
            data = [line[6:] for line in event.decode().split("\n") if line.startswith("data: ")]
            if data:
                yield "\n".join(data)


def _take(event: dict, answer: Answer, now: float) -> None:  # type: ignore[type-arg]
    if "error" in event:
        raise ValueError(f"error in the stream: {event['error']}")
    for choice in event["choices"]:
        piece = choice["text"]
        if piece and answer.first is None:
            answer.first = now
        answer.text += piece
    if event.get("usage"):
        answer.tokens = event["usage"]["prompt_tokens"] + event["usage"]["completion_tokens"]


def beginnings(run: str) -> list[str]:
    """Eight words each, of the held-out text of a run."""
    words = " ".join(document.text for document in load_corpus(Path(run) / "corpus", "held_out")).split()
    return list(dict.fromkeys(" ".join(words[i : i + 8]) for i in range(0, len(words), 8)))


def canaries(run: str, prompts: Sequence[str], n: int, tokens: int = TOKENS) -> tuple[list[str], list[str], int]:
    """Prompts that the engine alone continues (greedy) in so many different ways.

    Returns:
        Prompts, their continuations, and the most tokens that prompt and continuation may have.
    """
    network, tokenizer, _ = load(run)
    engine = Engine(network.float(), tokenizer)
    found: dict[str, str] = {}
    longest = 0
    for some in batched(prompts, 256):
        made = engine.generate(some, Sampling(temperature=0), max_tokens=tokens)
        for prompt, completion in zip(some, made, strict=True):
            if len(completion.text) > 8 and completion.text not in found:
                found[completion.text] = prompt
                longest = max(longest, 1 + len(tokenizer.encode(prompt)))  # <|endoftext|> is read before it
        if len(found) >= n:
            return list(found.values())[:n], list(found)[:n], longest + tokens
    raise SystemExit(f"only {len(found)} different continuations of {len(prompts)} beginnings")


def batched(things: Iterable[str], n: int) -> Iterator[list[str]]:
    """Lists of up to n."""
    rest = iter(things)
    while some := list(islice(rest, n)):
        yield some


def request(prompt: str, tokens: int, model: str) -> dict[str, object]:
    """The body of a request."""
    return {
        "model": model,
        "prompt": prompt,
        "temperature": 0,
        "max_tokens": tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def model_of(server: Server, key: str) -> str:
    """The first model's name."""
    asked = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/v1/models", headers={"Authorization": f"Bearer {key}"}
    )
    with urllib.request.urlopen(asked, timeout=10) as found:
        return str(json.load(found)["data"][0]["id"])


def metrics(server: Server, key: str) -> dict[str, float]:
    """The server's own figures."""
    asked = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/metrics", headers={"Authorization": f"Bearer {key}"}
    )
    with urllib.request.urlopen(asked, timeout=10) as found:
        lines = [line for line in found.read().decode().splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


async def crowd(server: Server, key: str, model: str, prompts: Sequence[str], tokens: int = TOKENS) -> list[Answer]:
    """All at once."""
    return await asyncio.gather(*(ask(server.port, key, request(p, tokens, model)) for p in prompts))


async def leavers(
    server: Server,
    key: str,
    model: str,
    prompts: Iterable[str],
    *,
    at_once: int = 100,
    longest: float = 1.0,
    seed: int = 0,
) -> list[Answer]:
    """So many clients, ``at_once`` of them at a time, that leave after up to ``longest`` seconds."""
    rng, gate = random.Random(seed), asyncio.Semaphore(at_once)

    async def one(prompt: str, leave: float, reset: bool) -> Answer:
        async with gate:
            return await ask(server.port, key, request(prompt, 200, model), leave=leave, reset=reset)

    plans = [(prompt, longest * rng.random() ** 2, rng.random() < 0.5) for prompt in prompts]
    return await asyncio.gather(*(one(*plan) for plan in plans))


def ends(answers: Sequence[Answer]) -> str:
    """How many ended in each way."""
    return ", ".join(f"{n} {end}" for end, n in Counter(f"{a.end} ({a.status})" for a in answers).most_common())


def wrong(answers: Sequence[Answer], expected: Sequence[str]) -> list[str]:
    """What is neither right nor an explicit refusal."""
    found = []
    for answer, text in zip(answers, expected, strict=True):
        if answer.end == "whole" and answer.text != text:
            found.append(f"another answer: {answer.text!r} for {text!r}")
        elif answer.end not in ("whole", "refused"):
            found.append(f"{answer.end} {answer.status} {answer.detail}")
    return found


def settled(server: Server, key: str, before: tuple[int, int]) -> str:
    """Wait until nothing of earlier clients remains; what does after ``GONE`` seconds."""
    until = time.monotonic() + GONE
    while True:
        busy = {
            name: value
            for name, value in metrics(server, key).items()
            if re.search(r"(waiting|writing|taken|running|in_flight|open_requests)", name) and value
        }
        now = (server.open_files(), server.threads())
        if not busy and now[0] <= before[0] and now[1] <= before[1]:
            return ""
        if time.monotonic() > until:
            return f"files, threads {before} -> {now}, {busy}"
        time.sleep(0.2)


def killed(
    server: Server, key: str, key_id: int, model: str, prompts: Sequence[str], after: int
) -> tuple[int, int, int]:
    """Kill the server once ``after`` clients have their answers.

    Returns:
        Tokens of the answers that clients had whole; tokens that the usage gained; answers that were cut off.
    """
    usage = Usage(server.keys)
    before = usage.today(key_id)

    async def go() -> list[Answer]:
        had = 0

        async def one(prompt: str) -> Answer:
            nonlocal had
            answer = await ask(server.port, key, request(prompt, TOKENS, model))
            had += answer.end == "whole"
            if had == after:
                os.kill(server.pid, signal.SIGKILL)
            return answer

        return await asyncio.gather(*map(one, prompts))

    answers = asyncio.run(go())
    server.end(signal.SIGKILL)
    gained = usage.today(key_id) - before
    usage.close()
    cut = sum(answer.end == "broken" for answer in answers)
    return sum(answer.tokens for answer in answers if answer.end == "whole"), gained, cut


def main() -> int:
    """All four parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--disconnects", type=int, default=2000)
    parser.add_argument("--flags", default="", help="more flags of prosa serve")
    chosen = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    prompts, expected, most = canaries(chosen.run, beginnings(chosen.run), chosen.clients)
    few = slice(min(64, chosen.clients))
    folder = Path(tempfile.mkdtemp())
    server = Server(chosen.run, folder / "serve.sqlite", chosen.flags.split())
    store = Keys(server.keys)
    key = store.add("load", limit=10**9)
    failed = []

    def tell(part: str, told: str, trouble: object) -> None:
        print(f"{part}: {told}" + (f"  FAILED: {trouble}" if trouble else ""), flush=True)
        if trouble:
            failed.append(part)

    try:
        server.start()
        model = model_of(server, key)
        fresh = server.memory()
        some = asyncio.run(crowd(server, key, model, prompts))
        tell(f"{chosen.clients} clients", ends(some), wrong(some, expected)[:3])
        time.sleep(2)
        before, idle = server.memory(), (server.open_files(), server.threads())

        begin = time.perf_counter()
        many = asyncio.run(crowd(server, key, model, prompts))
        seconds = time.perf_counter() - begin
        firsts = sorted(a.first for a in many if a.first is not None)
        p95 = statistics.quantiles(firsts, n=20)[18] if len(firsts) > 1 else float("nan")
        told = f"{ends(many)} in {seconds:.1f} s"
        told += f", first token: median {statistics.median(firsts):.2f} s, 95 % within {p95:.2f} s"
        tell(f"{chosen.clients} clients", told, wrong(many, expected)[:3])
        tell("after them", "what remains", settled(server, key, idle))
        after = server.memory()
        change = after / before - 1
        told = f"{fresh / 1e6:.1f} MB at first, {before / 1e6:.1f} after a first crowd, {after / 1e6:.1f} after all"
        tell("memory", f"{told} ({change:+.1%})", change > 0.05)

        gone = asyncio.run(leavers(server, key, model, islice(cycle(prompts), chosen.disconnects)))
        tell(f"{chosen.disconnects} disconnects", ends(gone), [a.detail for a in gone if a.end == "broken"][:3])
        tell("after them", "what remains", settled(server, key, idle))
        some = asyncio.run(crowd(server, key, model, prompts[few]))
        tell("64 clients", ends(some), wrong(some, expected[few])[:3])

        n = min(chosen.clients, 200)
        limited = store.add("limited", limit=n * most)  # all of it is reserved while they read
        limited_id = store.list()[-1].id
        had, gained, cut = killed(server, limited, limited_id, model, prompts[:n], n // 4)
        told = f"clients had {had} tokens of whole answers, the usage has {gained}, {cut} answers were cut off"
        tell("kill -9", told, gained < had or not cut)
        server.start()
        again = asyncio.run(crowd(server, limited, model, prompts[: n // 2]))
        told = f"{ends(again)} with what is left of the same key"
        over = [a.detail for a in again if a.status == 429 and "tokens" in a.detail]
        tell("afterwards", told, (wrong(again, expected[: n // 2]) + over)[:3])
        code = server.end()
        tell("end by SIGTERM", f"exit code {code}", code not in (0, -signal.SIGTERM))
    finally:
        if server.process is not None and server.process.poll() is None:
            server.end(signal.SIGKILL)
        if failed:
            print(server.log.read_text()[-3000:])
        shutil.rmtree(folder)
        server.log.unlink()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
