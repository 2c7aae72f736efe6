"""Tools that the model may call: a calculator, dates, and any Python function with a typed signature."""

from prosa.generate.tools.files import from_file
from prosa.generate.tools.functions import Tool, from_function

__all__ = ["Tool", "from_file", "from_function"]
