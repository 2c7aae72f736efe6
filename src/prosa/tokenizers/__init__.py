"""Every tokenizer behind one small protocol."""
