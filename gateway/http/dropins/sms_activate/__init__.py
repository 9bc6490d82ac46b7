"""The GET protocol of SMS-Activate and its clones, at /stubs/handler_api.php."""
