"""Tools that several suites share: fakes, clients, servers, and the exploration of interleavings."""
