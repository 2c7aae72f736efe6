"""An HTTP server for models: OpenAI-compatible API, keys, usage, web chat."""
