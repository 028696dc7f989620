"""Refuse to publish a tag that does not agree with what was built: ``python .ci/check_release.py v1.2.3 dist``."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def problems(tag: str, folder: Path) -> list[str]:
    """What keeps this tag from being published, one sentence each.

    Parameters
    ----------
    tag
        Name of the git tag, such as ``v1.2.3``.
    folder
        Where the wheel and the source distribution lie.
    """
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    package = (ROOT / "src" / "tactful" / "__init__.py").read_text(encoding="utf-8")
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    agreements = {
        f"the tag {tag} is not v{version}": tag == f"v{version}",
        f"__version__ is not {version}": f'__version__ = "{version}"' in package,
        f"CITATION.cff does not say {version}": f"version: {version}\n" in citation,
        f"CHANGELOG.md has no dated section {version}": bool(
            re.search(rf"^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)$", changelog, re.MULTILINE)
        ),
        f"no wheel of {version} was built": (folder / f"tactful-{version}-py3-none-any.whl").is_file(),
        f"no source distribution of {version} was built": (folder / f"tactful-{version}.tar.gz").is_file(),
    }
    return [sentence for sentence, holds in agreements.items() if not holds]


if __name__ == "__main__":
    found = problems(sys.argv[1], Path(sys.argv[2]))
    sys.exit("\n".join(found) or 0)
