"""git over HTTPS, as an agent would use it: proxy and CA (GIT_SSL_CAINFO) from the environment."""

from program import ran
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

serve(
    {
        "clone": lambda url: git("clone", "-q", url, "cloned"),
        "push": lambda url: git("-C", "work", "push", "-q", url, "HEAD:refs/heads/agent"),
    }
)
