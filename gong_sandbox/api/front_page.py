"""GET /: what the sandbox holds, and what it was last asked."""

from __future__ import annotations

import html
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, PlainTextResponse

if TYPE_CHECKING:
    from starlette.requests import Request

    from gong_sandbox.api.site import Site
    from gong_sandbox.webhook import Webhook

PUBLIC_KEY_PATH = "/automation-rule/public-key"
_SHOWN = 50
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>gong-sandbox</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1f2430; }}
h1 {{ font-size: 1.5rem; }} h2 {{ font-size: 1.1rem; margin-top: 2rem; }}
table {{ border-collapse: collapse; width: 100%; }}
td, th {{ text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #e3e6ee; }}
.counts td:first-child {{ width: 16rem; }} code {{ background: #f3f4f8; padding: 0 .25rem; }}
.bad {{ color: #b3261e; }}
</style></head><body>
<h1>A Gong of your own</h1>
<p>A made-up company behind Gong's API, at <code>{url}</code>. Its clock says {now} (UTC), its
time zone is {zone}. The key pair is what the command that started it printed.</p>
<h2>What it holds</h2><table class="counts">{counts}</table>
<h2>Calls created through the API</h2><table class="counts">{created}</table>
{rule}<h2>The last writes</h2>
<table><tr><th>time</th><th>request</th><th>made</th></tr>{writes}</table>
<h2>The last requests</h2>
<table><tr><th>time</th><th>request</th><th>answer</th></tr>{requests}</table>
</body></html>
"""


_RULE = """<h2>Automation rule</h2>
<p>Each call is posted to <code>{host}</code> when it has been processed: {delivered:,} taken,
{given_up:,} refused on every try. The tokens are signed with this key, also at
<a href="{path}"><code>{path}</code></a>:</p><pre>{key}</pre>
"""


async def public_key(request: Request) -> PlainTextResponse:
    """The public key that the webhook's tokens are signed for; Gong shows it beside the rule."""
    webhook = request.app.state.site.webhook
    if webhook is None:
        raise HTTPException(404)
    return PlainTextResponse(webhook.public_key)


def _rule(webhook: Webhook | None) -> str:
    if webhook is None:
        return ""
    return _RULE.format(
        # The rest of the URL may be secret.
        host=html.escape(urlsplit(webhook.url).netloc.rpartition("@")[2]),
        delivered=webhook.delivered,
        given_up=webhook.given_up,
        path=PUBLIC_KEY_PATH,
        key=webhook.public_key,
    )


async def front_page(request: Request) -> HTMLResponse:
    """The page."""
    site: Site = request.app.state.site
    now = site.clock.now()
    site.company.settle(now)
    slots = site.company.slots(None, None, now=now)
    ready = sum(1 for slot in slots if slot.transcript_at and slot.transcript_at <= now)
    counts = {
        "Calls": len(slots),
        "of them with a transcript": ready,
        "of them private": sum(slot.is_private for slot in slots),
        "Users": len(site.company.users(now=now)),
        "Workspaces": len(site.company.workspaces()),
        "Scorecards": len(site.company.scorecards()),
        "Reviews": len(site.company.answered_scorecards(now=now)),
        "Trackers": len(site.company.trackers()),
        "Library folders": len(site.company.folders()),
        "Permission profiles": len(site.company.profiles),
        "Calls opened to single users": len(site.company.access),
    }
    created = site.company.uploads.counts(now)
    with site.log_lock:
        last = list(islice(reversed(site.log), _SHOWN))
        made = list(islice((entry for entry in reversed(site.log) if entry.made), _SHOWN))
    writes = [
        f"<tr><td>{entry.at:%H:%M:%S}</td><td>{html.escape(f'{entry.method} {entry.path}')}</td>"
        f"<td>{html.escape(entry.made or '')}</td></tr>"
        for entry in made
    ]
    rows = [
        f"<tr><td>{entry.at:%H:%M:%S}</td><td>{html.escape(f'{entry.method} {entry.path}')}</td>"
        f"<td{' class=bad' if not 200 <= entry.status < 400 else ''}>"
        f"{entry.status or 'none'}</td></tr>"
        for entry in last
    ]
    return HTMLResponse(
        _PAGE.format(
            url=html.escape(site.url),
            now=f"{now:%Y-%m-%d %H:%M}",
            zone=html.escape(site.company.timezone),
            counts="".join(f"<tr><td>{k}</td><td>{v:,}</td></tr>" for k, v in counts.items()),
            created="".join(f"<tr><td>{k}</td><td>{v:,}</td></tr>" for k, v in created.items()),
            rule=_rule(site.webhook),
            writes="".join(writes) or "<tr><td colspan=3>none yet</td></tr>",
            requests="".join(rows) or "<tr><td colspan=3>none yet</td></tr>",
        )
    )
