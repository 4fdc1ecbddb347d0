"""Run by the interpreter of `.venv-lint`: translate templates as AWS does, and lint them before and after.

Reads a JSON list of templates from standard input, and writes a list to standard output, with `{"findings": [...],
"translation": {...}, "findings_of_translation": [...], "kinds": {...}}` for each. Not imported by tests: the tools
are installed elsewhere.
"""

import copy
import json
import os
import sys
from importlib import import_module
from typing import Any

Json = dict[str, Any]
# Including information-level rules; an old and a new region, because their services differ.
ARGUMENTS = {"include_checks": ["I"], "regions": ["us-east-1", "eu-central-2"]}


class NoManagedPolicies:
    """The template references no managed policy by a short name, so none is looked up in an account."""

    def load(self) -> dict[str, str]:
        """Return ARNs by name."""
        return {}


def findings(template: Json) -> list[str]:
    """Return cfn-lint's findings: rule, path, message."""
    found = import_module("cfnlint.api").lint(json.dumps(template), config=dict(ARGUMENTS))
    return [f"{item.rule.id} {'/'.join(map(str, item.path or []))}: {item.message}" for item in found]


def translated(template: Json) -> Json:
    """Return the template with SAM transformed, and the code in a bucket as after an upload."""
    uploaded = copy.deepcopy(template)
    for resource in uploaded["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": "a-bucket", "Key": "deployment.zip"}
    found: Json = import_module("samtranslator.translator.transform").transform(uploaded, {}, NoManagedPolicies())
    return found


def kinds(template: Json) -> dict[str, Json]:
    """Return AWS's schema of each resource type in a template.

    `permissions`: the permissions that CloudFormation's caller needs, by operation (create, read, update, delete,
    list); `properties`: the names of all properties, including nested ones.
    """
    schemas = import_module("cfnlint.schema.manager").PROVIDER_SCHEMA_MANAGER
    found = {}
    for kind in sorted({resource["Type"] for resource in template["Resources"].values()}):
        schema = schemas.get_resource_schema("us-east-1", kind).schema
        parts = [schema, *schema.get("definitions", {}).values()]
        found[kind] = {
            "permissions": {name: handler.get("permissions", []) for name, handler in schema["handlers"].items()},
            "properties": sorted({name for part in parts for name in part.get("properties", {})}),
        }
    return found


def verdict(template: Json) -> Json:
    """Return everything about one template."""
    translation = translated(template) if "Transform" in template else template
    return {
        "findings": findings(template),
        "translation": translation,
        "findings_of_translation": findings(translation),
        "kinds": kinds(translation),
    }


def main() -> None:
    """Process the templates."""
    os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
    json.dump([verdict(template) for template in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
