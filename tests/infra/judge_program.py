"""Run by the interpreter of `.venv-lint`: translates a template as AWS does, and lints it before and after.

Reads the template as JSON from standard input, writes `{"findings": [...], "translation": {...},
"findings_of_translation": [...], "kinds": {...}}` to standard output. Not imported by any test: the tools live
elsewhere.
"""

import copy
import json
import os
import sys
from importlib import import_module
from typing import Any

Json = dict[str, Any]
# Information-level rules as well; an old and a young region, as not all have the same services.
ARGUMENTS = {"include_checks": ["I"], "regions": ["us-east-1", "eu-central-2"]}


class NoManagedPolicies:
    """The template names none by a short name, so none is looked up in an account."""

    def load(self) -> dict[str, str]:
        """Name → ARN."""
        return {}


def findings(template: Json) -> list[str]:
    """What cfn-lint has to say: rule, place, message."""
    found = import_module("cfnlint.api").lint(json.dumps(template), config=dict(ARGUMENTS))
    return [f"{each.rule.id} {'/'.join(map(str, each.path or []))}: {each.message}" for each in found]


def translated(template: Json) -> Json:
    """The template without SAM; the code lies in a bucket, as after an upload."""
    uploaded = copy.deepcopy(template)
    for resource in uploaded["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": "a-bucket", "Key": "deployment.zip"}
    found: Json = import_module("samtranslator.translator.transform").transform(uploaded, {}, NoManagedPolicies())
    return found


def kinds(template: Json) -> dict[str, Json]:
    """What AWS's own schemas say of each type of resource that is in a template.

    `permissions`: what CloudFormation's caller has to be allowed, by what is done (create, read, update, delete,
    list); `properties`: the names of all properties, those within others included.
    """
    schemas = import_module("cfnlint.schema.manager").PROVIDER_SCHEMA_MANAGER
    found = {}
    for kind in sorted({each["Type"] for each in template["Resources"].values()}):
        schema = schemas.get_resource_schema("us-east-1", kind).schema
        parts = [schema, *schema.get("definitions", {}).values()]
        found[kind] = {
            "permissions": {name: each.get("permissions", []) for name, each in schema["handlers"].items()},
            "properties": sorted({name for part in parts for name in part.get("properties", {})}),
        }
    return found


def main() -> None:
    """Judge one template."""
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    template: Json = json.load(sys.stdin)
    translation = translated(template) if "Transform" in template else template
    verdict = {
        "findings": findings(template),
        "translation": translation,
        "findings_of_translation": findings(translation),
        "kinds": kinds(translation),
    }
    json.dump(verdict, sys.stdout)


if __name__ == "__main__":
    main()
