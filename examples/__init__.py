"""Examples of products that use the chat."""
