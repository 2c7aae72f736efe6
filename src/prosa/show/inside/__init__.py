"""What goes on inside a model, made visible: attention, positions, embeddings, tokens, layers."""
