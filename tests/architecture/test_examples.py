"""Every public name of ``tactful`` shows in an example how it is used; the doctests of the source run them."""

from __future__ import annotations

import doctest
import inspect

import pytest

import tactful as tt

NAMES = sorted(name for name in tt.__all__ if callable(getattr(tt, name)))


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_says_what_it_is(name):
    text = inspect.getdoc(getattr(tt, name))
    assert text
    assert text.splitlines()[0].endswith((".", "?"))


def test_a_public_name_shows_an_example():
    examples = {name: doctest.DocTestParser().get_examples(inspect.getdoc(getattr(tt, name)) or "") for name in NAMES}
    assert not [name for name, shown in examples.items() if not shown]
