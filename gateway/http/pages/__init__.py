"""What a person sees in a browser: the page at /, the viewer of the documents at /docs.

`html` holds the pages, `own` and `swagger_ui` the files they load; those of swagger_ui are as they
came, named with their hashes in its manifest. May import gateway.http.wire and the core.
"""
