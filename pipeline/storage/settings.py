"""The ``storage:`` mapping of a config: names, types and defaults of its settings."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _without_credentials(endpoint: str) -> str:
    if "@" in endpoint.partition("://")[2].partition("/")[0]:
        raise ValueError("credentials do not belong in a config; give them as AWS_ACCESS_KEY_ID and so on")
    return endpoint


class S3Settings(BaseModel):
    """How S3 is reached. Credentials are never in a config: they come from the usual AWS chain."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: URL of an S3-compatible service; None is AWS (or what AWS_ENDPOINT_URL says).
    endpoint: Annotated[str, AfterValidator(_without_credentials)] | None = None
    region: str | None = None
    #: Read without credentials: everywhere, or in the buckets named.
    anonymous: bool | list[str] = False
    #: Attempts for one request before it is an error; a read that gets further starts counting again.
    max_attempts: int = Field(default=10, ge=1, le=100)
    #: Seconds that a connection may be silent.
    timeout_s: float = Field(default=60.0, gt=0)


class AzureSettings(BaseModel):
    """How Azure Blob Storage (``az://container/path``) is reached. Credentials come from the environment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Name of the account; None is that of AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT.
    account: str | None = None
    #: Read without credentials.
    anonymous: bool = False
    #: Attempts for one request before it is an error.
    max_attempts: int = Field(default=10, ge=1, le=100)
    #: Seconds that a connection may be silent.
    timeout_s: float = Field(default=60.0, gt=0)


class StorageSettings(BaseModel):
    """The ``storage:`` mapping of a config."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    s3: S3Settings = S3Settings()
    azure: AzureSettings = AzureSettings()
