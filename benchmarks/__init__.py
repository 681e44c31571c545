"""One folder per benchmark; each is one command and writes its section of docs/performance.md."""
