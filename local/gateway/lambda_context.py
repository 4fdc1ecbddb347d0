"""The context object of an invocation."""

import time

from local.gateway.settings import GatewaySettings


class LambdaContext:
    """The context object that Lambda's Python runtime passes to a handler."""

    function_version = "$LATEST"
    identity = None
    client_context = None

    def __init__(self, function_name: str, request_id: str, settings: GatewaySettings) -> None:
        arn = f"arn:aws:lambda:{settings.region}:{settings.account_id}:function:{function_name}"
        self.function_name = function_name
        self.aws_request_id = request_id
        self.memory_limit_in_mb = str(settings.function_memory_mb)
        self.invoked_function_arn = arn
        self.log_group_name = f"/aws/lambda/{function_name}"
        self.log_stream_name = f"local/[$LATEST]{request_id.replace('-', '')}"
        self._deadline = time.monotonic() + settings.function_timeout

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the function's timeout, at least 0."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))
