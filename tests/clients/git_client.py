"""git over HTTPS, as an agent would use it: proxy and CA (GIT_SSL_CAINFO) from the environment."""

import os

from program import directory, ran
from session import serve

WHO = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "agent",
    "GIT_AUTHOR_EMAIL": "agent@example.com",
    "GIT_AUTHOR_DATE": "2026-11-21T00:00:00Z",
    "GIT_COMMITTER_NAME": "agent",
    "GIT_COMMITTER_EMAIL": "agent@example.com",
    "GIT_COMMITTER_DATE": "2026-11-21T00:00:00Z",
}


def git(*words):
    return ran("git", *words, **WHO)


# The commit that is pushed: the same each time.
git("init", "-q", "work")
git("-C", "work", "commit", "-q", "--allow-empty", "-m", "by an agent")


def push_large(url):
    """More than git sends in one piece."""
    with open(os.path.join(directory.name, "work/large"), "wb") as file:
        file.write(os.urandom(200_000))
    git("-C", "work", "add", "large")
    git("-C", "work", "commit", "-q", "-m", "more")
    return git("-C", "work", "-c", "http.postBuffer=65536", "push", "-q", url, "HEAD:refs/heads/large")


serve(
    {
        "clone": lambda url: git("clone", "-q", url, "cloned"),
        "push_large": push_large,
        "push": lambda url: git("-C", "work", "push", "-q", url, "HEAD:refs/heads/agent"),
    }
)
