"""The ``storage:`` mapping of a config. Knows names, types and defaults, nothing of what they do."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class S3Settings(BaseModel):
    """How S3 is reached. Credentials are never in a config: they come from the usual AWS chain."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: URL of an S3-compatible service; None is AWS (or what AWS_ENDPOINT_URL says).
    endpoint: str | None = None
    region: str | None = None
    #: Read without credentials: everywhere, or in the buckets named.
    anonymous: bool | list[str] = False
    #: Attempts for one request before it is an error; a read that gets further starts counting again.
    max_attempts: int = Field(default=10, ge=1, le=100)
    #: Seconds that a connection may be silent.
    timeout_s: float = Field(default=60.0, gt=0)


class StorageSettings(BaseModel):
    """The ``storage:`` mapping of a config."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    s3: S3Settings = S3Settings()
