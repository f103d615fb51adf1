"""requests as an agent would use it: proxy and REQUESTS_CA_BUNDLE from the environment, one session kept open."""

import requests

from session import answer, failure, serve

session = requests.Session()


def call(method, url, *words):
    """`name=value` are form fields, `Name:value` are header fields."""
    data, headers = {}, {}
    for word in words:
        if "=" in word and ":" not in word.partition("=")[0]:
            name, _, value = word.partition("=")
            data[name] = value
        else:
            name, _, value = word.partition(":")
            headers[name] = value
    try:
        response = session.request(method, url, data=data or None, headers=headers, allow_redirects=False)
        response.raise_for_status()
    except requests.HTTPError as problem:
        body = problem.response
        try:
            code = body.json().get("code") or body.json().get("error", {}).get("code")
        except ValueError:
            code = None
        return failure(problem, code=code, http_status=body.status_code, message=body.text, headers=body.headers)
    return answer(True, status=response.status_code, content=response.content, value=response.text, headers=response.headers)


serve(
    {
        "get": lambda url, *words: call("GET", url, *words),
        "post": lambda url, *words: call("POST", url, *words),
        "delete": lambda url, *words: call("DELETE", url, *words),
    }
)
