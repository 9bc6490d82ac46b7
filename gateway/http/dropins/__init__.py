"""The drop-in faces: existing clients keep working by changing only their base URL.

Getatext's own APIs and the handler_api protocol of SMS-Activate; what both share is in the modules
here. May import gateway.http.wire and the core.
"""
