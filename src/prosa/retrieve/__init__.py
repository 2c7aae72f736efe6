"""One's own documents: indexed, searched, quoted with file and place."""
