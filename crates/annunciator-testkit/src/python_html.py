"""Reads a list of pages from stdin, writes what Python's parsers of HTML and XML make of each.

In: a JSON list of texts. Out: one line of JSON for each page.
"""

import json
import sys
from html.parser import HTMLParser
from xml.etree import ElementTree

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}


class Page(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.defects, self.elements, self.attributes, self.text = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += [[tag, name, value or ""] for name, value in attrs]
        names = [name for name, _ in attrs]
        if len(set(names)) != len(names):
            self.defects.append("an attribute twice in <%s>" % tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.defects.append("</%s> closes %s" % (tag, self.open[-1:] or "nothing"))
        else:
            self.open.pop()

    def handle_data(self, text):
        self.text.append(text)

    def handle_comment(self, text):
        self.defects.append("a comment")

    def unknown_decl(self, text):
        self.defects.append("an unknown declaration")

    def handle_pi(self, text):
        self.defects.append("a processing instruction")


def judge(source):
    page = Page()
    page.feed(source)
    page.close()
    page.defects += ["<%s> is not closed" % tag for tag in page.open]
    try:
        ElementTree.fromstring(source)
    except ElementTree.ParseError as error:
        page.defects.append("as XML: %s" % error)
    return {
        "defects": page.defects,
        "elements": page.elements,
        "attributes": page.attributes,
        "text": "".join(page.text),
    }


for source in json.load(sys.stdin):
    print(json.dumps(judge(source)))
