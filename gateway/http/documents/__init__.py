"""What programs read about the gateway, without a key.

The OpenAPI documents: 3.1.0 made from the catalog, 3.0.3 and Swagger 2.0 derived from it; and by
what MCP clients find /mcp. May import gateway.http.wire and the core.
"""
