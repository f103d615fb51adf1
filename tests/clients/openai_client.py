"""OpenAI's own library, as an agent would use it: proxy and CA (SSL_CERT_FILE) from the environment."""

from openai import APIStatusError, OpenAI

from session import answer, failure, serve

client = OpenAI(api_key="sk-not-a-secret")


def call(method, *args, **kwargs):
    try:
        raw = method(*args, **kwargs)
    except APIStatusError as problem:
        return failure(
            problem,
            code=problem.code,
            http_status=problem.status_code,
            headers=problem.response.headers,
        )
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
    return call(client.chat.completions.with_raw_response.create, model="gpt-5", messages=messages)


def batch(file):
    return call(
        client.batches.with_raw_response.create,
        input_file_id=file,
        endpoint="/v1/chat/completions",
        completion_window="24h",
    )


serve(
    {
        "ask": ask,
        "batch": batch,
        "delete_file": lambda file: call(client.files.with_raw_response.delete, file),
    }
)
