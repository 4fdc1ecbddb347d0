"""The local cloud: what stands in for AWS while the chat runs on one machine. Never packaged for Lambda."""
