"""The output of `make package`: the bundle, the template, and how they are built."""
