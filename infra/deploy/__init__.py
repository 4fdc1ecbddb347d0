"""Deploy a built stage to an AWS account, and remove it.

`deployment.py` and `teardown.py` are the sequences of steps; each other module has one responsibility. All calls
to AWS use the clients of one `Account`, with the SDK's standard configuration, so that `AWS_PROFILE`,
`AWS_REGION` and `AWS_ENDPOINT_URL` have their usual meaning.
"""
