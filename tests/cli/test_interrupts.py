"""Closed pipes and Ctrl-C end a command quietly, and what takes minutes is said before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tactful.cli.interrupts import leave_at_interrupts, raise_interrupts

CHECK = ("check", "log.parquet", "--spec", "log.spec.toml")
EVALUATE = ("evaluate", "log.parquet", "--spec", "log.spec.toml", "--policy", "uniform")


def start(folder, *words, **variables):
    command = [sys.executable, "-m", "tactful", *words]
    environment = os.environ | variables
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", [CHECK, (*CHECK, "--json"), EVALUATE, ("--help",), ("explain", "policy")])
def test_whoever_reads_may_stop_reading(shop, words, unbuffered):
    process = start(shop, *words, PYTHONUNBUFFERED=unbuffered)
    process.stdout.close()  # before the first byte
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 141


def test_a_disk_that_is_full_is_one_line(shop):
    if not os.path.exists("/dev/full"):
        pytest.skip("no device that is full")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tactful", *CHECK], cwd=shop, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"No space left" in done.stderr


@pytest.mark.parametrize("module", ["tactful.cli.main", "tactful.cli.check", "numpy", "polars"])
def test_ctrl_c_while_modules_are_imported(shop, module):
    code = f"""
import importlib.abc, os, signal, sys
class Press(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Press())
from tactful.__main__ import main
main({list(CHECK)!r})
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=shop, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


@pytest.mark.parametrize("delay", [0.1, 0.2, 0.4, 0.8])
def test_ctrl_c_at_any_time(shop, delay):
    process = start(shop, *EVALUATE)
    time.sleep(delay + 0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode in (0, 130)
    assert b"Traceback" not in err
    assert err.count(b"\n") <= 1


def test_handlers_of_others_are_left_alone():
    def own(number, frame):
        pass

    before = signal.signal(signal.SIGINT, own)
    try:
        leave_at_interrupts()
        assert signal.getsignal(signal.SIGINT) is own
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        leave_at_interrupts()
        raise_interrupts()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        signal.signal(signal.SIGINT, signal.default_int_handler)
        leave_at_interrupts()
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        raise_interrupts()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("command", ["fit --out p", "replay", "report --out r.html"])
def test_many_actions_are_announced_before_anything_is_read(tactful, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    name, *words = command.split()
    for count, lines in ((200, 1), (201, 2), (1000, 2)):
        names = ", ".join(f'"a{i}"' for i in range(count))
        (tmp_path / "spec.toml").write_text(
            f'[actions]\nnames = [{names}]\nperiod_days = 7\n[outcomes]\nopened = {{ kind = "binary" }}\n'
            "[objective]\nopened = 1.0\n"
        )
        done = tactful(name, "absent.csv", "--spec", "spec.toml", *words)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", lines)
        assert ("conjugate learns each on its own" in done.err) == (lines == 2)
