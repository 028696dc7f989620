"""Pages lead where they say, and show no command that would fail."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "experiments").glob("*/*.md"))
    if path.is_file()
)
LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors that a page offers, by the rule of the code host: lower case, hyphens for spaces, no punctuation."""
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_links_lead_somewhere(page):
    for link in LINK.findall(without_code(page.read_text(encoding="utf-8"))):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


@each_page
def test_no_page_shows_an_install_line_that_fails(page):
    """There is no release yet: an installation names the checkout (``.``), or another project's package."""
    if page.name == "releasing.md":
        return
    lines = re.findall(r"pip install [^\n`]*", page.read_text(encoding="utf-8"))
    assert not [
        line for line in lines if re.search(r"(?<![\w./\-\[])['\"]?tactful\b", line.removeprefix("pip install"))
    ]


def test_the_changelog_has_versions_and_kinds():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert versions[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ \((not published|\d{4}-\d\d-\d\d)\)", v) for v in versions[1:])
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= {
        "Added",
        "Changed",
        "Deprecated",
        "Removed",
        "Fixed",
        "Security",
    }


def test_one_version_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"version: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f'__version__ = "{version}"' in (ROOT / "src" / "tactful" / "__init__.py").read_text(encoding="utf-8")


def test_every_command_stands_in_the_readme_or_the_docs():
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    modules = (ROOT / "src" / "tactful" / "cli").glob("*.py")
    commands = [
        name for p in modules for name in re.findall(r'app\.command\("([\w-]+)"', p.read_text(encoding="utf-8"))
    ]
    assert len(commands) > 10
    assert not [name for name in commands if f"tactful {name}" not in text]
