"""pip, as an agent would use it: proxy and CA (PIP_CERT) from the environment."""

import sys

from program import ran
from session import serve

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir", "--isolated"]


def download(name):
    # What is there already would not be asked for again.
    ran("rm", "-rf", "files")
    index = ["--index-url", "https://index.example/simple/"]
    wheel = f"files/{name}-1.0-py3-none-any.whl"
    return ran(*PIP, "download", "-q", "--no-deps", "-d", "files", *index, name, content=wheel)


serve({"download": download})
