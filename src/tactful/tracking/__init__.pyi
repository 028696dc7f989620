from tactful.tracking.mlflow_run import default_uri, metric_name, record
from tactful.tracking.registry import Pinned, alias_of, fetch, pinned, promote
from tactful.tracking.watcher import FolderSource, PolicySource, RegistrySource, Status, Watcher

__all__ = [
    "FolderSource",
    "Pinned",
    "PolicySource",
    "RegistrySource",
    "Status",
    "Watcher",
    "alias_of",
    "default_uri",
    "fetch",
    "metric_name",
    "pinned",
    "promote",
    "record",
]
