"""The core's ports on AWS: DynamoDB, API Gateway's callback API and SQS, with the clients of these services.

May import: core.kernel, core.model, core.ports, awshttp, identity. Only this package may import the SDK.
"""
