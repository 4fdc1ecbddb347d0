"""Tools for maintainers that are neither deployed nor part of the local cloud."""
