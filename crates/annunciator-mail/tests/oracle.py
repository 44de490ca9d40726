"""Reads messages with Python's email package and lists how they differ from what was meant."""

import email
import email.policy
import json
import re
import sys

FIELDS = [
    "Date", "From", "To", "Cc", "Subject", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
    "X-Auto-Response-Suppress", "X-Annunciator-Event", "X-Mailer", "MIME-Version",
    "Content-Type", "Content-Transfer-Encoding",
]
ID = re.compile(r"<[A-Za-z0-9_+=-]+(\.[A-Za-z0-9_+=-]+)*@[A-Za-z0-9_+=-]+(\.[A-Za-z0-9_+=-]+)*>")


def expected_fields(order):
    absent = set()
    if not order["to"] and order["cc"]:
        absent.add("To")
    if not order["cc"]:
        absent.add("Cc")
    if not order["refers"]:
        absent |= {"In-Reply-To", "References"}
    if order["event"] is None:
        absent.add("X-Annunciator-Event")
    if order["html"] is not None:
        absent.add("Content-Transfer-Encoding")
    return [name for name in FIELDS if name not in absent]


def check_wire(raw, order, differ):
    rest = raw.replace(b"\r\n", b"")
    if b"\r" in rest or b"\n" in rest:
        differ("bare CR or LF", None)
    if re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", rest):
        differ("control character", None)
    if order["ascii"] and not raw.isascii():
        differ("8 bit", None)
    if not raw.endswith(b"\r\n"):
        differ("last line not ended", raw[-20:].decode())
    for line in raw.split(b"\r\n"):
        if len(line) > 998:
            differ("long line", len(line))
    for line in raw.split(b"\r\n\r\n")[0].split(b"\r\n"):
        if len(line) > 78 and not line.startswith((b"Message-ID: <", b"References: <", b"In-Reply-To: <")):
            differ("long header line", line.decode())
        if not line.strip():
            differ("blank header line", line.decode())


def check_body(message, order, differ):
    if order["html"] is None:
        parts = [message]
        types = ["text/plain"]
    else:
        parts = list(message.iter_parts())
        types = ["text/plain", "text/html"]
        if message.get_content_type() != "multipart/alternative":
            differ("type", message.get_content_type())
        if (message.preamble or "").strip() or (message.epilogue or "").strip():
            differ("text outside the parts", [message.preamble, message.epilogue])
    if [part.get_content_type() for part in parts] != types:
        differ("types of the parts", [part.get_content_type() for part in parts])
        return
    for part, meant in zip(parts, [order["text"], order["html"]]):
        if part.defects or part.get_content_charset() != "utf-8":
            differ("part", [repr(defect) for defect in part.defects])
        found = part.get_payload(decode=True).decode("utf-8").replace("\r\n", "\n")
        if found != meant:
            differ("content", [found, meant])
        if part is not message and len(part.keys()) != 2:
            differ("fields of a part", part.keys())


def check(order, differ):
    raw = order["message"].encode("utf-8")
    check_wire(raw, order, differ)
    if order["ascii"]:
        message = email.message_from_bytes(raw, policy=email.policy.default)
    else:
        message = email.message_from_string(order["message"], policy=email.policy.SMTPUTF8)
    if message.keys() != expected_fields(order):
        differ("fields", message.keys())
    # Each look at a field parses it again.
    fields = dict(message.items())
    defects = list(message.defects)
    for field in fields.values():
        defects += getattr(field, "defects", ())
    if not order["ascii"]:
        # Python 3.11 calls every local part of RFC 6532 a defect.
        defects = [d for d in defects if type(d).__name__ != "NonASCIILocalPartDefect"]
    if defects:
        differ("defects", [repr(defect) for defect in defects])
    if str(fields["Subject"]) != order["subject"]:
        differ("subject", [str(fields["Subject"]), order["subject"]])
    event = fields.get("X-Annunciator-Event")
    if event is not None and str(event) != order["event"]:
        differ("event id", [str(event), order["event"]])
    for name in ["From", "To", "Cc"]:
        found = [a.addr_spec for a in fields[name].addresses] if name in fields else []
        if found != order[name.lower()]:
            differ(name, [found, order[name.lower()]])
    if not order["to"] and not order["cc"]:
        if [group.display_name for group in fields["To"].groups] != ["undisclosed-recipients"]:
            differ("nobody is named", str(fields["To"]))
    for name in ["Message-ID", "In-Reply-To", "References"]:
        if name in fields and not ID.fullmatch(str(fields[name])):
            differ(name, str(fields[name]))
    if str(fields["Date"]) != "Sun, 22 Nov 2026 05:30:00 +0000":
        differ("date", str(fields["Date"]))
    check_body(message, order, differ)


def main():
    orders = json.load(sys.stdin)
    differences = []
    for order in orders:
        def differ(what, found):
            if len(differences) < 20:
                differences.append([what, found, order["message"][:1500]])
        check(order, differ)
    json.dump({"checked": len(orders), "differences": differences}, sys.stdout)


main()
