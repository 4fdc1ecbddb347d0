"""Build and deploy a stage to AWS: the Lambda bundle and the CloudFormation template. Never packaged itself.

`python -m infra package --stage dev` (or `make package STAGE=dev`) writes `build/dev/deployment.zip` and
`build/dev/template.json`. `build.py` is the sequence of steps; `template/` contains the fragments that are merged
into Chalice's template, one module per concern; the local cloud reads `tables.json` and `gateway_responses.json`
too.
"""
