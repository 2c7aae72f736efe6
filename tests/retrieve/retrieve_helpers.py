"""What the tests of retrieve share: a small folder of Portuguese documents, and a made model's vectors."""

import json
from pathlib import Path

import torch

from prosa.models.gpt import GPT, GPTConfig
from prosa.retrieve.search import Index
from prosa.retrieve.vectors import Embedder
from prosa.tokenizers.config import TokenizerConfig
from prosa.tokenizers.train import train

CONTRACT = """CONTRATO DE FORNECIMENTO

A empresa Alfa contrata a empresa Beta, com sede em Curitiba.

CLÁUSULA PRIMEIRA

A contratada entregará as cadeiras em até 15 dias úteis. O atraso sujeita a contratada à multa de 2%.

CLÁUSULA SEGUNDA

O preço unitário é de R$ 1.250,00. O frete corre por conta da contratada.
"""
MEETING = """# Reunião

De abril.

## Decisões

A auditoria externa será feita em novembro.
"""


def write_documents(folder: Path) -> Path:
    """A contract, minutes in Markdown, a page of HTML and two records."""
    folder.mkdir()
    (folder / "contrato.txt").write_text(CONTRACT, encoding="utf-8")
    (folder / "sub").mkdir()
    (folder / "sub" / "reuniao.md").write_text(MEETING, encoding="utf-8")
    page = "<html><body><article><p>As férias são de trinta dias e podem ser divididas em três períodos.</p>"
    (folder / "ferias.html").write_text(page + "<p>O pedido se faz ao gestor.</p></article></body></html>", "utf-8")
    records = ["A geladeira chegou quebrada.", "O cliente pediu o cancelamento da assinatura."]
    lines = [json.dumps({"text": text}) for text in records]
    (folder / "chamados.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def tiny_embedder(seed: int = 0) -> Embedder:
    """Vectors of an untrained model."""
    tokenizer = train([CONTRACT], TokenizerConfig(vocab_size=300))
    torch.manual_seed(seed)
    return Embedder(GPT(GPTConfig(300, 32, 1, 2, 16)), tokenizer, name=f"tiny-{seed}")


def files_found(out: Path, question: str, **how) -> list[str]:
    """The files of what a search finds, best first."""
    with Index(out) as index:
        return [hit.passage.file for hit in index.search(question, **how).hits]


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """What is in a folder: bytes and time of every file, the target of every link."""
    return {
        path.relative_to(folder).as_posix(): (
            path.readlink().as_posix().encode() if path.is_symlink() else path.read_bytes(),
            path.lstat().st_mtime_ns,
        )
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }
