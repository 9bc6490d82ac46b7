"""The OpenAPI documents: 3.1.0 made from the catalog, 3.0.3 and Swagger 2.0 derived from it.

May import gateway.http.wire and the core.
"""
