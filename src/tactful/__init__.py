"""tactful: learn when and how often to notify each segment of users, prove the gain offline, serve the policy."""

from typing import Any

import lazy_loader

__version__ = "0.1.0"

_lazy: Any = lazy_loader.attach_stub(__name__, __file__)
__getattr__, __dir__, __all__ = _lazy
