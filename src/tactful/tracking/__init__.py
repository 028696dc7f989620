"""Experiment tracking in MLflow."""

from tactful import _faces

_faces.show(
    __name__,
    {
        "tracking.mlflow_run": ["default_uri", "metric_name", "record"],
        "tracking.registry": ["Pinned", "alias_of", "fetch", "pinned", "promote"],
        "tracking.watcher": ["FolderSource", "PolicySource", "RegistrySource", "Status", "Watcher"],
    },
)
