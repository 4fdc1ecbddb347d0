"""Tests of the local API Gateway: one test or more per rule that it keeps."""
