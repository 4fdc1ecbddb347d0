"""An embedded SQS for the job queue: standard queues with delays, visibility timeouts and dead-letter queues."""
