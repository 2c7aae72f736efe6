"""Small things that every other package needs: errors, language, files, configuration, progress, intervals."""
