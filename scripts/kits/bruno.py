"""The Bruno collection: a file for each request, and an environment."""

import json
from textwrap import indent

from scripts.kits.requests import BASE_URL, FOLDERS, NAME, Request, requests

# In the runtime's variables, which end with the run or when Bruno is closed.
_ONCE = """if (!bru.getVar('requestId') && !bru.getEnvVar('requestId')) {
  bru.setVar('requestId', `${Date.now()}-${Math.random().toString(36).slice(2)}`);
}"""


def files() -> dict[str, str]:
    """The files by their path in the kit."""
    about = {"version": "1", "name": NAME, "type": "collection", "ignore": ["node_modules", ".git"]}
    made = {
        "bruno.json": json.dumps(about, indent=2) + "\n",
        "collection.bru": _file(
            _block("auth", "mode: apikey"),
            _block("auth:apikey", "key: X-API-Key\nvalue: {{apiKey}}\nplacement: header"),
            _block("script:pre-request", _ONCE),
        ),
        "environments/local.bru": _file(
            _block(
                "vars",
                f"baseUrl: {BASE_URL}\nwebhookUrl: https://example.com/hooks/sms\n"
                "since: 2026-01-01T00:00:00Z",
            ),
            "vars:secret [\n  apiKey\n]",
        ),
    }
    for place, (folder, label) in enumerate(FOLDERS.items(), 1):
        made[f"{label}/folder.bru"] = _file(_block("meta", f"name: {label}\nseq: {place}"))
        inside = [one for one in requests() if one.folder == folder]
        for number, request in enumerate(inside, 1):
            made[f"{label}/{request.name}.bru"] = _request(request, number)
    return made


def _request(request: Request, number: int) -> str:
    body = "none" if request.text is None else "json"
    call = f"url: {{{{baseUrl}}}}{request.path}"
    if request.query:
        call += "?" + "&".join(f"{key}={value}" for key, value in request.query.items())
    blocks = [
        _block("meta", f"name: {request.name}\ntype: http\nseq: {number}"),
        _block(request.method.lower(), f"{call}\nbody: {body}\nauth: inherit"),
    ]
    if request.query:
        told = "\n".join(f"{key}: {value}" for key, value in request.query.items())
        blocks.append(_block("params:query", told))
    if request.text is not None:
        blocks.append(_block("body:json", request.text))
    if request.keeps:
        blocks.append(_block("vars:post-response", f"{request.keeps}: res.body.id"))
    blocks.append(_block("assert", f"res.status: eq {request.status}"))
    blocks.append(_block("docs", request.description))
    return _file(*blocks)


def _block(name: str, text: str) -> str:
    return f"{name} {{\n{indent(text, '  ')}\n}}"


def _file(*blocks: str) -> str:
    return "\n\n".join(blocks) + "\n"
