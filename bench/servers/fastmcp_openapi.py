"""What everybody gets for nothing: fastmcp makes tools of our own OpenAPI document."""

import json
import urllib.request

import httpx2
from fastmcp import FastMCP

from bench.servers.running import parser


def main() -> None:
    arguments = parser()
    arguments.add_argument("--gateway", required=True)
    arguments.add_argument("--key", required=True)
    given = arguments.parse_args()
    with urllib.request.urlopen(f"{given.gateway}/openapi.json", timeout=10) as answer:
        document = json.load(answer)
    client = httpx2.AsyncClient(base_url=given.gateway, headers={"X-API-Key": given.key})
    server = FastMCP.from_openapi(openapi_spec=document, client=client, name="fastmcp")
    server.run(
        transport="http",
        host="127.0.0.1",
        port=given.port,
        show_banner=False,
        log_level="ERROR",
        stateless_http=True,
        uvicorn_config={"access_log": False},
    )


if __name__ == "__main__":
    main()
