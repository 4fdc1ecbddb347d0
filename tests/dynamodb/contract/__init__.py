"""What every engine answers: the embedded one in memory, in a file and over HTTP, and MiniStack."""
