"""Threads that use OpenVINO for the first time at one moment do not hang."""

import subprocess
import sys

TOGETHER = """
import os, sys, threading
sys.setswitchinterval(1e-6)
from features.conversion import import_openvino
kind = import_openvino().Type.u8
start = threading.Barrier(8)

def first_use():
    start.wait()
    kind.to_dtype()

threads = [threading.Thread(target=first_use, daemon=True) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(20)
os._exit(any(thread.is_alive() for thread in threads))
"""


def test_the_first_use_by_several_threads_at_once_ends() -> None:
    done = subprocess.run([sys.executable, "-c", TOGETHER], timeout=60, check=False)
    assert done.returncode == 0
