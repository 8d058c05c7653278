"""Storage: lists, reads and publishes files, local or at an address. A file is never visible half written.

Knows paths and addresses, listings, ranges and versions of files, and explains errors to users. Does not know
what is in the files.
"""

from pipeline.storage.errors import Conflict, Missing, StorageError, StorageFull
from pipeline.storage.names import TEMP_PREFIX, is_local, is_temporary, join
from pipeline.storage.settings import AzureSettings, S3Settings, StorageSettings
from pipeline.storage.store import Storage

__all__ = [
    "TEMP_PREFIX",
    "AzureSettings",
    "Conflict",
    "Missing",
    "S3Settings",
    "Storage",
    "StorageError",
    "StorageFull",
    "StorageSettings",
    "is_local",
    "is_temporary",
    "join",
]
