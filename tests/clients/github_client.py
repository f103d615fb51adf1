"""PyGithub, as an agent would use it: proxy and CA (REQUESTS_CA_BUNDLE) from the environment."""

import github
from github import Auth, GithubException

from session import answer, failure, serve


class Remembering(github.Requester.Requester):
    """Remembers the last answer's content, which the library gives read only. There is no other way to it."""

    last = None


original = github.Requester.Requester._Requester__requestRaw


def remember(self, *args, **kwargs):
    Remembering.last = original(self, *args, **kwargs)
    return Remembering.last


github.Requester.Requester._Requester__requestRaw = remember
client = github.Github(auth=Auth.Token("ghp_not-a-secret"))


def call(method, *args, **kwargs):
    try:
        value = method(*args, **kwargs)
    except GithubException as problem:
        return failure(
            problem,
            http_status=problem.status,
            message=problem.data["message"],
            headers=problem.headers,
        )
    status, headers, content = Remembering.last
    return answer(True, status=status, content=(content or "").encode(), value=str(value), headers=headers)


def repository(name):
    return client.get_repo(name, lazy=True)


def delete_branch(name, branch):
    ref = repository(name).get_git_ref(f"heads/{branch}")
    # Looked at first: only then the library knows the address that it deletes.
    ref.object.sha
    ref.delete()


serve(
    {
        "repository": lambda name: call(client.get_repo, name),
        "issue": lambda name, title: call(repository(name).create_issue, title),
        "invite": lambda name, who: call(repository(name).add_to_collaborators, who),
        "delete_branch": lambda name, branch: call(delete_branch, name, branch),
    }
)
