"""The library of the cache, in the parts that are used here.

It would bring the whole of OpenTelemetry's metrics along, whose place the metrics of `foundation.metrics` take.
"""

from app.foundation.lean import without

with without("opentelemetry.sdk.metrics"):
    from redis.asyncio import Redis
    from redis.asyncio.connection import BlockingConnectionPool
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.exceptions import NoScriptError, RedisError, ResponseError

__all__ = ["BlockingConnectionPool", "NoBackoff", "NoScriptError", "Redis", "RedisError", "ResponseError", "Retry"]
