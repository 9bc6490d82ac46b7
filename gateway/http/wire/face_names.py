"""The names of the faces, as they stand in the log and in metrics, by their paths."""

_FACES = (
    ("/v1/events/stream", "events"),
    ("/v1/", "rest"),
    ("/api/v1/", "getatext"),
    ("/stubs/handler_api.php", "sms_activate"),
    ("/daisysms/", "daisysms"),
    ("/stubs/", "getatext_get"),
    ("/mcp", "mcp"),
    ("/webhooks/", "webhook"),
)
FACES = tuple(face for _, face in _FACES)
"""The names of all faces."""
_NO_FACE = "pages"


def face_of(path: str) -> str:
    """The face that a path belongs to."""
    if path.startswith("//"):  # as some tools spell their paths
        path = path[1:]
    for prefix, face in _FACES:
        if path.startswith(prefix):
            return face
    return _NO_FACE
