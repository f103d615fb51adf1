"""httpx as an agent would use it: proxy and SSL_CERT_FILE from the environment, one client kept open.

HTTPX_TIMEOUT is in seconds; without it the library's own 5 s hold. With HTTPX_HTTP2 it offers HTTP/2 too.
"""

import os

import httpx

from session import answer, failure, serve

client = httpx.Client(timeout=float(os.environ.get("HTTPX_TIMEOUT", "5")), http2="HTTPX_HTTP2" in os.environ)


def call(method, url, *words):
    """`name=value` are form fields."""
    data = dict(word.split("=", 1) for word in words)
    response = client.request(method, url, data=data or None)
    response.headers[":version"] = response.http_version
    try:
        response.raise_for_status()
    except httpx.HTTPStatusError as problem:
        body = problem.response.json()
        code = body.get("code") or body.get("error", {}).get("code")
        return failure(problem, code=code, http_status=response.status_code, message=response.text, headers=response.headers)
    return answer(True, status=response.status_code, content=response.content, value=response.text, headers=response.headers)


serve(
    {
        "get": lambda url, *words: call("GET", url, *words),
        "post": lambda url, *words: call("POST", url, *words),
    }
)
