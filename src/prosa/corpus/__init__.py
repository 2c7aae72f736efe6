"""From files to a clean corpus: read, repair, judge, deduplicate, split. ``build_corpus`` does it all."""

from prosa.corpus.build import build_corpus
from prosa.corpus.config import CorpusConfig
from prosa.corpus.document import Document
from prosa.corpus.read import read_documents
from prosa.corpus.report import CorpusReport
from prosa.corpus.store import load_corpus

__all__ = ["CorpusConfig", "CorpusReport", "Document", "build_corpus", "load_corpus", "read_documents"]
