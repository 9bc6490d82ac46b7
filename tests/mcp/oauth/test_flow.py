"""Signing in from the first refusal to the last token, on both databases."""

from tests.mcp.oauth.support import signing_in


async def test_a_person_lets_a_client_in(store_url: str) -> None:
    async with signing_in(store_url) as stand:
        node, person = stand.node, stand.person
        key = await node.key()
        first = await node.calls(None)
        app = await node.app()
        tokens = await app.signed_in(person, key)
        answered = await node.calls(tokens["access_token"])
        child, parent = await node.named("Claude"), await node.named("shop")

    assert first.status == 401
    assert (
        f'resource_metadata="{node.url}/.well-known/oauth-protected-resource/mcp"'
        in (first.headers["WWW-Authenticate"])
    )
    assert answered.status == 200
    assert child.parent_id == parent.id
