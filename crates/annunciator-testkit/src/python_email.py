"""Reads length-prefixed messages from stdin, writes what the email package makes of each.

In: for each message 8 octets of length, most significant first, and the message.
Out: one line of JSON for each message.
"""

import json
import re
import struct
import sys
import zlib
from email import message_from_bytes, policy

ADDRESS_FIELDS = ("from", "to", "cc", "bcc", "reply-to", "sender")
SINGLE_FIELDS = (
    "date", "from", "sender", "reply-to", "to", "cc", "bcc", "message-id",
    "in-reply-to", "references", "subject", "mime-version", "content-type",
    "content-transfer-encoding",
)


def wire_defects(octets):
    """What the package forgives but RFC 5321 and RFC 5322 do not."""
    if re.search(rb"\r(?!\n)|(?<!\r)\n", octets):
        yield "BareLineEnd: CR or LF that is not part of CRLF"
    if b"\0" in octets:
        yield "NulOctet: the message holds a NUL"
    if any(len(line) > 998 for line in octets.split(b"\r\n")):
        yield "LineTooLong: more than 998 octets in a line"
    for line in re.split(rb"\r\n(?=\r\n)", octets, maxsplit=1)[0].split(b"\r\n"):
        if line and not line.strip(b" \t"):
            yield "BlankFold: a folded line of white space alone"


def name_defect(defect):
    return type(defect).__name__ + ": " + str(defect)


def field_defects(message):
    seen = set()
    for name, value in message.items():
        for defect in getattr(value, "defects", ()):
            yield name_defect(defect) + " in " + name
        if name.lower() in SINGLE_FIELDS and name.lower() in seen:
            yield "RepeatedField: " + name
        seen.add(name.lower())


def body_text(message, kind):
    part = message.get_body(preferencelist=(kind,))
    return None if part is None else part.get_content().replace("\r\n", "\n")


def addresses(message):
    found = {}
    for name in ADDRESS_FIELDS:
        for field in message.get_all(name, ()):
            list_of_name = found.setdefault(name, [])
            list_of_name.extend([one.display_name, one.addr_spec] for one in field.addresses)
    return found


def png_size(octets):
    """Width and height of a PNG whose chunks and picture are whole."""
    if octets[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("no PNG")
    at, size, packed, last = 8, None, b"", b""
    while at < len(octets):
        (length,) = struct.unpack(">I", octets[at:at + 4])
        last, body = octets[at + 4:at + 8], octets[at + 8:at + 8 + length]
        (crc,) = struct.unpack(">I", octets[at + 8 + length:at + 12 + length])
        if crc != zlib.crc32(last + body):
            raise ValueError("a chunk is damaged")
        if last == b"IHDR":
            size = struct.unpack(">II", body[:8])
        if last == b"IDAT":
            packed += body
        at += 12 + length
    if last != b"IEND" or size is None:
        raise ValueError("it is cut")
    zlib.decompress(packed)
    return size


def pictures(message):
    for part in message.walk():
        if part.get_content_maintype() == "image":
            width, height = png_size(part.get_payload(decode=True))
            yield [str(part.get("content-id", "")), part.get_content_type(), width, height]


def parse(octets):
    message = message_from_bytes(octets, policy=policy.default)
    text, html = body_text(message, "plain"), body_text(message, "html")
    attachments = sum(1 for _ in message.iter_attachments()) if message.is_multipart() else 0
    headers = [[name, str(value)] for name, value in message.items()]
    defects = list(wire_defects(octets))
    for part in message.walk():
        if not part.is_multipart():
            part.get_payload(decode=True)  # decoding is what finds bad base64
        defects.extend(field_defects(part))
        defects.extend(name_defect(defect) for defect in part.defects)
    return {
        "headers": headers,
        "defects": defects,
        "content_type": message.get_content_type(),
        "text": text,
        "html": html,
        "attachments": attachments,
        "pictures": list(pictures(message)),
        "addresses": addresses(message),
    }


def main():
    source = sys.stdin.buffer
    while prefix := source.read(8):
        length = int.from_bytes(prefix, "big")
        octets = source.read(length)
        if len(octets) != length:
            raise EOFError("the message is shorter than its length says")
        print(json.dumps(parse(octets)))


main()
