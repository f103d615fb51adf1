"""A program that is started for each call, in a directory of its own."""

import os
import subprocess
import tempfile

from session import answer, failure

directory = tempfile.TemporaryDirectory()


def ran(*command, content=None, **environment):
    """What it said and how it ended; `content` is the file that it was to make."""
    done = subprocess.run(
        command,
        cwd=directory.name,
        env=os.environ | {"HOME": directory.name} | environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        return failure(Ended(done), message=done.stderr)
    path = content and os.path.join(directory.name, content)
    return answer(True, content=open(path, "rb").read() if path else None, value=done.stdout)


def Ended(done):
    """Named as a shell tells it."""
    return type(f"exit {done.returncode}", (Exception,), {})()
