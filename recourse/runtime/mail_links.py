"""Links in mails that sign a party in at the pages. Their keys can do nothing else."""

import secrets
from datetime import datetime, timedelta
from urllib.parse import urlencode

import jwt

from recourse.runtime.actors import ALGORITHM
from recourse.runtime.keys import KeyRing

PURPOSE = "recourse-mail"
# Mails are read within hours. An expired link sends its reader back to the marketplace.
LASTS = timedelta(days=1)


def mail_link(web_url: str, keys: KeyRing, role: str, holder: str, order_id: str, now: datetime) -> str:
    """The address that opens an order and signs its party in, once, within a day."""
    claims = {"aud": PURPOSE, "role": role, "sub": holder, "exp": int((now + LASTS).timestamp())}
    claims["jti"] = secrets.token_urlsafe(12)
    token = jwt.encode(claims, keys.keys[keys.first], ALGORITHM, headers={"kid": keys.first})
    return f"{web_url.rstrip('/')}/pages/sign-in?{urlencode({'mail': token, 'order': order_id})}"
