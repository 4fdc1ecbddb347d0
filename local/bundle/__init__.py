"""Run the packaged artefact on this machine: `build/STAGE` behind the local gateway, as Lambda would.

The template defines functions, routes, authorizers, CORS preflights, variables and policies. Nothing is imported
from this checkout's `app.py`. An execution environment is a process of AWS's own runtime interface client
(`awslambdaric`) in the unpacked, read-only bundle, with exactly the variables that Lambda sets; it handles one
event at a time and is frozen between events. Calls to the store and to the callback API pass a guard that
enforces the functions' policies (`local.iam`).

    BuiltStage             a directory with zip and template, checked for compatibility with this machine
    ResolvedTemplate       its functions with variables and policies, its tables and its APIs
    Function               one function: its environments, and a queue of events in front of them
    ExecutionEnvironment   one process, with a RuntimeApi, a ReadOnlyBundle, a ProcessGroup and an OutputCollector
    LambdaEmulator         all functions, from startup to shutdown
"""

from local.bundle.built_stage import BuiltStage
from local.bundle.emulator import LambdaEmulator
from local.bundle.errors import BundleError
from local.bundle.resolved_template import ResolvedTemplate

__all__ = ["BuiltStage", "BundleError", "LambdaEmulator", "ResolvedTemplate"]
