"""What a folder holds."""

from __future__ import annotations

from hashlib import sha256


def snapshot(folder):
    """The hash of every file of a folder, by its path there."""
    return {str(p.relative_to(folder)): sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()}
