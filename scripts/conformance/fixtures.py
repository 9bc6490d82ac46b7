"""The things that the conformance suite asks a server to have, as its scenarios describe them."""

from typing import Any

Json = dict[str, Any]

PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA="


def text(words: str) -> Json:
    """Words."""
    return {"type": "text", "text": words}


def image() -> Json:
    """A picture of one point."""
    return {"type": "image", "data": PNG, "mimeType": "image/png"}


def embedded(uri: str, words: str, mime_type: str = "text/plain") -> Json:
    """A resource inside a result."""
    return {"type": "resource", "resource": {"uri": uri, "mimeType": mime_type, "text": words}}


def form(message: str, **fields: Json) -> Json:
    """A question to a person."""
    schema = {"type": "object", "properties": fields, "required": list(fields)}
    return {
        "method": "elicitation/create",
        "params": {"mode": "form", "message": message, "requestedSchema": schema},
    }


def sample(prompt: str, most: int) -> Json:
    """A question to the client's model."""
    messages = [{"role": "user", "content": text(prompt)}]
    return {"method": "sampling/createMessage", "params": {"messages": messages, "maxTokens": most}}


ROOTS: Json = {"method": "roots/list", "params": {}}
TEXT: Json = {"type": "string"}

CONTENTS: dict[str, list[Json]] = {
    "test_simple_text": [text("This is a simple text response for testing.")],
    "test_image_content": [image()],
    "test_audio_content": [{"type": "audio", "data": WAV, "mimeType": "audio/wav"}],
    "test_embedded_resource": [
        embedded("test://embedded-resource", "This is an embedded resource content.")
    ],
    "test_multiple_content_types": [
        text("Multiple content types test:"),
        image(),
        embedded(
            "test://mixed-content-resource", '{"test":"data","value":123}', "application/json"
        ),
    ],
}

PEOPLE: dict[str, Json] = {
    "test_elicitation_sep1034_defaults": {
        "name": {**TEXT, "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {**TEXT, "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    },
    "test_elicitation_sep1330_enums": {
        "untitledSingle": {**TEXT, "enum": ["option1", "option2", "option3"]},
        "titledSingle": {
            **TEXT,
            "oneOf": [
                {"const": f"value{n}", "title": f"{word} Option"}
                for n, word in enumerate(("First", "Second", "Third"), 1)
            ],
        },
        "legacyEnum": {
            **TEXT,
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {
            "type": "array",
            "items": {**TEXT, "enum": ["option1", "option2", "option3"]},
        },
        "titledMulti": {
            "type": "array",
            "items": {
                "anyOf": [
                    {"const": f"value{n}", "title": f"{word} Choice"}
                    for n, word in enumerate(("First", "Second", "Third"), 1)
                ]
            },
        },
    },
}

# What each tool asks before it answers, round by round.
_NAME = form("What is your name?", name=TEXT)
ROUNDS: dict[str, list[dict[str, Json]]] = {
    "test_input_required_result_elicitation": [{"user_name": _NAME}],
    "test_input_required_result_sampling": [
        {"capital_question": sample("What is the capital of France?", 100)}
    ],
    "test_input_required_result_list_roots": [{"client_roots": ROOTS}],
    "test_input_required_result_request_state": [
        {"confirm": form("Please confirm", ok={"type": "boolean"})}
    ],
    "test_input_required_result_tampered_state": [
        {"confirm": form("Please confirm", ok={"type": "boolean"})}
    ],
    "test_input_required_result_multiple_inputs": [
        {
            "user_name": _NAME,
            "greeting": sample("Generate a greeting", 50),
            "client_roots": ROOTS,
        }
    ],
    "test_input_required_result_multi_round": [
        {"step1": form("Step 1: What is your name?", name=TEXT)},
        {"step2": form("Step 2: What is your favorite color?", color=TEXT)},
    ],
    "test_input_required_result_capabilities": [
        {"user_name": _NAME, "greeting": sample("Generate a greeting", 50)}
    ],
}
PROMPT_ROUNDS = [{"user_context": form("What context should the prompt use?", context=TEXT)}]

SCHEMA_2020: Json = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": TEXT, "city": TEXT},
        }
    },
    "properties": {
        "name": TEXT,
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {**TEXT, "enum": ["phone", "email"]},
        "phone": TEXT,
        "email": TEXT,
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}

_NOTHING: Json = {"type": "object", "properties": {}}


def _takes(name: str, **more: Any) -> Json:
    return {"type": "object", "properties": {name: {**TEXT, **more}}, "required": [name]}


SCHEMAS: dict[str, Json] = {
    **dict.fromkeys((*CONTENTS, *PEOPLE, *ROUNDS), _NOTHING),
    "test_error_handling": _NOTHING,
    "test_missing_capability": _NOTHING,
    "test_reconnection": _NOTHING,
    "test_tool_with_logging": _NOTHING,
    "test_logging_tool": _NOTHING,
    "test_tool_with_progress": _NOTHING,
    "test_streaming_elicitation": _NOTHING,
    "test_trigger_tool_change": _NOTHING,
    "test_trigger_prompt_change": _NOTHING,
    "test_sampling": _takes("prompt"),
    "test_elicitation": _takes("message"),
    "test_custom_header": _takes("region", **{"x-mcp-header": "Region"}),
    "json_schema_2020_12_tool": SCHEMA_2020,
}

RESOURCES: dict[str, Json] = {
    "test://static-text": {
        "mimeType": "text/plain",
        "text": "This is the content of the static text resource.",
    },
    "test://static-binary": {"mimeType": "image/png", "blob": PNG},
    "test://watched-resource": {"mimeType": "text/plain", "text": "Watched resource content"},
}
TEMPLATE = "test://template/{id}/data"

PROMPTS: dict[str, tuple[str, ...]] = {
    "test_simple_prompt": (),
    "test_prompt_with_arguments": ("arg1", "arg2"),
    "test_prompt_with_embedded_resource": ("resourceUri",),
    "test_prompt_with_image": (),
    "test_input_required_result_prompt": (),
}
