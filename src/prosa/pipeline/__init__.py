"""The stages, put in order."""
