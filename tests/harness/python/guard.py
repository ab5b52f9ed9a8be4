"""Runs a command in this process's group and ends the whole group when standard input closes.

The test that started it holds the other end of standard input, so that the command and all it started end with the
test, even where the test is killed. The command is asked to end first, so that it can write down what it keeps.
"""

import os
import signal
import subprocess
import sys
import threading


def end_with_input():
    sys.stdin.buffer.read()
    child.terminate()
    try:
        child.wait(timeout=10)
    except subprocess.TimeoutExpired:
        pass
    os.killpg(0, signal.SIGKILL)


child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
threading.Thread(target=end_with_input, daemon=True).start()
code = child.wait()
print(f"{sys.argv[1]} ended by itself with {code}", file=sys.stderr, flush=True)
os.killpg(0, signal.SIGKILL)
