"""The GET protocol of SMS-Activate and its clones, at /stubs/handler_api.php.

May import the modules of gateway.http.dropins, gateway.http.wire and the core.
"""
