"""One client, many calls: a command per line on standard input, an answer per line of JSON on standard output.

With arguments, makes that one call and ends. An answer is
{"ok", "status", "sha256", "value", "error": {"class", "code", "http_status", "message", "said"}, "headers"};
`sha256` is of the answer's content exactly as it came off the wire, `said` the error's own text.
"""

import hashlib
import json
import shlex
import sys


def digest(content):
    return hashlib.sha256(content).hexdigest()


def answer(ok, status=None, content=None, value=None, error=None, headers=None):
    return {
        "ok": ok,
        "status": status,
        "sha256": None if content is None else digest(content),
        "value": value,
        "error": error,
        "headers": {str(name).lower(): str(text) for name, text in dict(headers or {}).items()},
    }


def failure(problem, code=None, http_status=None, message=None, headers=None):
    return answer(
        False,
        status=http_status,
        headers=headers,
        error={
            "class": type(problem).__name__,
            "code": code,
            "http_status": http_status,
            "message": str(problem) if message is None else message,
            "said": str(problem),
        },
    )


def serve(commands):
    """`commands` maps a name to a function of the words after it that gives an answer and raises nothing expected."""

    def run(words):
        try:
            return commands[words[0]](*words[1:])
        except Exception as problem:  # a client's error that its script did not know
            return failure(problem)

    def show(result):
        print(json.dumps(result, default=str), flush=True)

    if len(sys.argv) > 1:
        show(run(sys.argv[1:]))
        return
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        show(run(shlex.split(line)))
