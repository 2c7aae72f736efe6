"""Tools that the model may call: a calculator, dates, and any Python function with a typed signature."""
