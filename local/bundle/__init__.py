"""The packaged artefact at work on this machine: `build/STAGE` behind the local gateway, as Lambda would run it.

The template decides what there is: functions, routes, authorizers, preflights, variables, policies. Nothing of
this checkout's `app.py` is imported. Each execution environment is a process of AWS's own runtime interface
client (`awslambdaric`) in the unpacked, read-only bundle, with the variables that Lambda sets and no others; it
takes one event at a time and is frozen between events. The calls to the store and the callback API pass a guard
that enforces the functions' policies (`local.iam`).

    BuiltStage (built.py)     a directory with zip and template, and whether it can run here
    Deployment (deployment.py) what is in it: functions with variables and policies, APIs
    Function (function.py)     one function: its environments, and the line before them
    Environment (environment.py), RuntimeApi (runtime_api.py), Disk, Keeper, Output: one process and what it needs
    Lambda (service.py)        all of it, from start to end
"""

from local.bundle.built import BuiltStage
from local.bundle.deployment import ResolvedTemplate
from local.bundle.errors import BundleError
from local.bundle.service import LambdaEmulator

__all__ = ["BuiltStage", "BundleError", "LambdaEmulator", "ResolvedTemplate"]
