"""What a person sees in a browser: the page at /, the documents at /docs, the console at /console.

`console` holds the console, a subject in each module and no build step. `html` holds the other
pages, `own` and `swagger_ui` the files they load; those of swagger_ui are as they came, named with
their hashes in its manifest. May import gateway.http.wire and the core.
"""
