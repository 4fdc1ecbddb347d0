"""How the chat is kept and sent on AWS. The only code that knows DynamoDB and API Gateway's callback API."""
