"""The programs of the Makefile: environments, lock files, tests, checks."""
