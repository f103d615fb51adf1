"""OpenAI's own library, as an agent would use it. OPENAI_BASE_URL, or proxy and CA (SSL_CERT_FILE), from the environment."""

import openai

from session import answer, failure, serve

client = openai.OpenAI(api_key="sk-not-a-secret", timeout=60)
raw = client.with_raw_response


def told(problem):
    headers = problem.response.headers if isinstance(problem, openai.APIStatusError) else None
    status = problem.status_code if isinstance(problem, openai.APIStatusError) else None
    content = f": {problem.response.text}" if headers else ""
    code = getattr(problem, "code", None)
    return failure(problem, code=code, http_status=status, message=f"{problem}{content}", headers=headers)


def call(method, *args, **kwargs):
    try:
        raw = method(*args, **kwargs)
    except openai.APIError as problem:
        return told(problem)
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
    return call(raw.chat.completions.create, model="gpt-5", messages=messages)


def batch(file):
    return call(
        raw.batches.create,
        input_file_id=file,
        endpoint="/v1/chat/completions",
        completion_window="24h",
    )


def stream(text):
    """The pieces as they came."""
    try:
        pieces = client.chat.completions.create(
            model="gpt-5", messages=[{"role": "user", "content": text}], stream=True
        )
        said = [piece.choices[0].delta.content for piece in pieces]
    except openai.APIError as problem:
        return told(problem)
    return answer(True, value=said)


serve(
    {
        "ask": ask,
        "batch": batch,
        "delete_file": lambda file: call(raw.files.delete, file),
        "models": lambda: call(raw.models.list),
        "delete_model": lambda model: call(raw.models.delete, model),
        "stream": stream,
    }
)
