"""An SMTP relay for tests, of aiosmtpd: keeps what it is sent as another reader of mail reads it.

    smtp_server.py PORT FOLDER (plain | starttls | smtps) [CERTIFICATE KEY]

Each message becomes FOLDER/<n>.json: who it was for, its headers, whether TLS was spoken and who
had logged in; and its attachments, to the byte, by their names. `plimsoll` logs in with the
password `correct horse`. With TLS nobody sends without logging in.
"""

import email
import email.policy
import json
import pathlib
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

port, folder, mode = int(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]


class Keep:
    count = 0

    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        for part in message.iter_attachments():
            (folder / part.get_filename()).write_bytes(part.get_payload(decode=True))
        told = {
            "to": envelope.rcpt_tos,
            "from": envelope.mail_from,
            "subject": message["subject"],
            "message_id": message["message-id"],
            "auto_submitted": message["auto-submitted"],
            "text": message.get_body(("plain",)).get_content(),
            "files": [part.get_filename() for part in message.iter_attachments()],
            "is_secure": session.ssl is not None or mode == "smtps",
            "is_authenticated": bool(session.authenticated),
        }
        # Written beside and renamed: whoever looks sees all of it.
        path = folder / f"{self.count:05}.json"
        path.with_suffix(".part").write_text(json.dumps(told))
        path.with_suffix(".part").rename(path)
        self.count += 1
        return "250 kept"


def authenticate(server, session, envelope, mechanism, data):
    known = LoginPassword(b"plimsoll", b"correct horse")
    return AuthResult(success=isinstance(data, LoginPassword) and data == known, handled=False)


options = {"hostname": "127.0.0.1", "port": port}
if mode != "plain":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[4], sys.argv[5])
    options |= {"authenticator": authenticate, "auth_required": True}
    if mode == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    else:
        options |= {"ssl_context": context, "auth_require_tls": False}
Controller(Keep(), **options).start()
print("ready", flush=True)
while True:
    time.sleep(60)
