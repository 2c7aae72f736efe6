"""The report's sections: one file a section, each a function from the run's data to HTML in the language in force."""
