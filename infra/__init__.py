"""How a stage is built for AWS: the Lambda bundle and the CloudFormation template. Never packaged itself.

`python -m infra package --stage dev` (or `make package STAGE=dev`) writes `build/dev/deployment.zip` and
`build/dev/template.json`. `build.py` says in which order; `template/` holds what is merged into Chalice's
template, one module per concern; `tables.json` and `gateway_responses.json` are read by the local cloud as well.
"""
