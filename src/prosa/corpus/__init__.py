"""Read files, repair, clean, identify language, deduplicate."""
