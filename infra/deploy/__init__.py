"""Putting a built stage into an AWS account, and taking it out again.

`deploying.py` and `destroying.py` say in which order; the other modules know one thing each. All that is asked
of AWS goes through the clients of one `Account`, with the SDK's ordinary settings, so that `AWS_PROFILE`,
`AWS_REGION` and `AWS_ENDPOINT_URL` mean what they mean everywhere.
"""
