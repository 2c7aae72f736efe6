"""One file a format. A reader cuts a file into tasks, in the main process, and a task into texts, in a worker."""
