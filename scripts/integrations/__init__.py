"""Runs each kit of `integrations/` without the platform that it is for: `make integrations`.

A kit is checked by the module `scripts.integrations.<kit>` (`power-platform` in `power_platform`),
which has one function:

```python
async def check(stand: Stand) -> Sequence[Result]: ...
```

Each `Result` is a row of the table: what was checked, and why it failed, None where it passed.
An exception fails the kit with its words. The stand is the kit's own: a simulator in this process
(`stand.simulator`), a gateway as a process on loopback (`stand.url`) that may deliver to webhooks
on loopback, a gateway key (`stand.key`), an empty folder (`stand.home`), and `stand.run`, which
runs a program with `stand.env`.

Programs for Node are pinned in `scripts/integrations/<kit>/package.json` and its lock, which
`make integrations` installs; `stand.env` finds their commands and packages there.
"""
