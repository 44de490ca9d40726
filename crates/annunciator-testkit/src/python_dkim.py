"""Verifies the DKIM signature of messages with dkimpy, against the DNS records that are given.

In: JSON: records, a map of name to text; messages, a list of texts with one character an octet.
Out: one line of JSON for each message.
"""

import json
import sys

import dkim


def verify(octets, records):
    def find_record(name, timeout=5):
        record = records.get(name.decode().rstrip("."))
        return None if record is None else record.encode()

    verifier = dkim.DKIM(octets)
    why = ""
    try:
        good = verifier.verify(dnsfunc=find_record)
    except dkim.DKIMException as error:
        good, why = False, type(error).__name__ + ": " + str(error)
    return {
        "is_good": good,
        "why": why,
        "tags": {
            name.decode(): value.decode()
            for name, value in (getattr(verifier, "signature_fields", None) or {}).items()
        },
    }


def main():
    order = json.load(sys.stdin)
    for message in order["messages"]:
        print(json.dumps(verify(message.encode("latin-1"), order["records"])))


main()
