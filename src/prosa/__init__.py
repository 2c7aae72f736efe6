"""Prosa: your own text in, your own language model out.

Each stage is a package here, and a function of the same name in :mod:`prosa.pipeline`.
"""

__version__ = "0.1.0"
