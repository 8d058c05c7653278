"""Files by name, local or behind an address: list, read, and publish so that nobody ever sees half a file.

This room knows paths and addresses, listings, ranges, versions of files, and what went wrong in a user's
words. It does not know what is in the files, nor who wants them.
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
