"""The embedded DynamoDB engine: its evaluator, its storage, and a contract that it keeps as other engines do."""
