"""The MCP server: the catalog's operations as tools. Of the gateway it imports the core only."""
