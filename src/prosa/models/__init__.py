"""One file a system, made of nn/ blocks."""
