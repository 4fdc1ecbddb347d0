"""Tests of the Python client, without I/O: time and faults are inputs."""
