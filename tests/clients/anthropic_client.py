"""Anthropic's own library, as an agent would use it: proxy and CA (SSL_CERT_FILE) from the environment."""

from anthropic import Anthropic, APIStatusError

from session import answer, failure, serve

client = Anthropic(api_key="sk-ant-not-a-secret")


def call(method, *args, **kwargs):
    try:
        raw = method(*args, **kwargs)
    except APIStatusError as problem:
        return failure(problem, http_status=problem.status_code, headers=problem.response.headers)
    response = raw.http_response
    return answer(
        True,
        status=response.status_code,
        content=response.content,
        value=raw.parse().model_dump(),
        headers=response.headers,
    )


def ask(text):
    messages = [{"role": "user", "content": text}]
    return call(client.messages.with_raw_response.create, model="claude", max_tokens=16, messages=messages)


def batch(name):
    params = {"model": "claude", "max_tokens": 16, "messages": [{"role": "user", "content": "Hello"}]}
    return call(
        client.messages.batches.with_raw_response.create,
        requests=[{"custom_id": name, "params": params}],
    )


serve(
    {
        "ask": ask,
        "batch": batch,
        "delete_batch": lambda batch: call(client.messages.batches.with_raw_response.delete, batch),
    }
)
