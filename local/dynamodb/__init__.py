"""A DynamoDB in this process, over SQLite: the store of the local cloud and of the tests."""
