"""tactful: learn when and how often to notify each segment of users, prove the gain offline, serve the policy."""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(  # pyright: ignore[reportUnknownVariableType] - untyped
    __name__, __file__
)
