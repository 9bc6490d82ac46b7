"""The Postman collection (format 2.1), and an environment for it."""

import json
from typing import Any

from scripts.kits.requests import BASE_URL, FOLDERS, NAME, Request, requests

Json = dict[str, Any]
_SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_ABOUT = (
    "Rent a US number, read its SMS code, end the rental. A purchase costs money unless the "
    "gateway simulates. Each sends a request_id that is made once and kept in the collection's "
    "variable requestId: sent again, it answers the first purchase and buys nothing. Empty the "
    "variable to buy anew. Never send a purchase with a new request_id after 409 outcome_unknown. "
    "What numbers may be rented for: /acceptable-use at your gateway."
)
_ONCE = """if (!pm.variables.get('requestId')) {
    pm.collectionVariables.set('requestId', pm.variables.replaceIn('{{$guid}}'));
}"""


def files() -> dict[str, str]:
    """The files by their path in the kit."""
    made = {"getatext-gateway.postman_collection.json": _collection()}
    made["local.postman_environment.json"] = _environment()
    return {
        path: json.dumps(one, indent=2, ensure_ascii=False) + "\n" for path, one in made.items()
    }


def _collection() -> Json:
    kept = {each.keeps: "" for each in requests() if each.keeps}
    variables = {"baseUrl": BASE_URL, "apiKey": "", "requestId": "", **kept}
    variables |= {"webhookUrl": "https://example.com/hooks/sms", "since": "2026-01-01T00:00:00Z"}
    return {
        "info": {"name": NAME, "description": _ABOUT, "schema": _SCHEMA},
        "auth": {
            "type": "apikey",
            "apikey": [
                {"key": "key", "value": "X-API-Key", "type": "string"},
                {"key": "value", "value": "{{apiKey}}", "type": "string"},
                {"key": "in", "value": "header", "type": "string"},
            ],
        },
        "event": [_script("prerequest", _ONCE)],
        "variable": [{"key": key, "value": value} for key, value in variables.items()],
        "item": [
            {"name": label, "item": [_item(one) for one in requests() if one.folder == folder]}
            for folder, label in FOLDERS.items()
        ],
    }


def _item(request: Request) -> Json:
    status = f"pm.response.to.have.status({request.status})"
    lines = [f"pm.test('status is {request.status}', () => {status});"]
    if request.keeps:
        lines.append(
            f"pm.collectionVariables.set('{request.keeps}', String(pm.response.json().id));"
        )
    query = [{"key": key, "value": value} for key, value in request.query.items()]
    raw = "{{baseUrl}}" + request.path
    raw += "?" + "&".join(f"{key}={value}" for key, value in request.query.items()) if query else ""
    url: Json = {"raw": raw, "host": ["{{baseUrl}}"], "path": request.path.strip("/").split("/")}
    made: Json = {
        "method": request.method,
        "header": [],
        "url": url | ({"query": query} if query else {}),
    }
    if request.text is not None:
        made["header"] = [{"key": "Content-Type", "value": "application/json"}]
        made["body"] = {
            "mode": "raw",
            "raw": request.text,
            "options": {"raw": {"language": "json"}},
        }
    made["description"] = request.description
    return {"name": request.name, "event": [_script("test", "\n".join(lines))], "request": made}


def _script(listen: str, text: str) -> Json:
    return {"listen": listen, "script": {"type": "text/javascript", "exec": text.split("\n")}}


def _environment() -> Json:
    return {
        "name": f"{NAME}: this machine",
        "values": [
            {"key": "baseUrl", "value": BASE_URL, "type": "default", "enabled": True},
            {"key": "apiKey", "value": "", "type": "secret", "enabled": True},
        ],
        "_postman_variable_scope": "environment",
    }
