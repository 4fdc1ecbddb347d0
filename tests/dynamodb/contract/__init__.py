"""The contract of every engine: the embedded one in memory, in a file and over HTTP, and MiniStack."""
