"""The local cloud: substitutes for AWS while the chat runs on one machine. Never packaged for Lambda."""
