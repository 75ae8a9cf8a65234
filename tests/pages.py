"""Run folders that tests make reports of, and these pages as a browser sees them."""

import json
from html.parser import HTMLParser

from PIL import Image

from twofold.report.html import write_report

SPEC = {
    "method": {"name": "simclr", "revision": 1, "arguments": {"temperature": 0.2}},
    "encoder": {"name": "resnet18_w16", "channels": 3, "size": 32},
    "data": {
        "name": "cifar10",
        "fingerprint": "ab",
        "images": 50000,
        "open": {"data": "my data/cifar10.zip"},
    },
    "recipe": {"name": "C"},
    "batch_size": 256,
    "steps": 400,
    "epochs": 2.05,
    "seed": 7,
    "precision": "bf16",
    "threads": 2,
    "asked": {"minutes": 10.0},
    "key": "4f2a91c7",
    "command": "twofold pretrain 'my data/cifar10.zip'",
}
HOSTILE = """<script>alert(1)</script>"><img src=x onerror="alert(2)">'{{ 7 * 7 }}"""


class Page(HTMLParser):
    """What a browser would see: elements, their attributes, the text; complains about unbalanced tags."""

    VOID = ("meta", "img", "br", "link", "input")

    def __init__(self, html):
        super().__init__()
        self.elements, self.open, self.text = [], [], ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def make_run(folder, *, spec=SPEC, log=None, scores=None, views=False):
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps(spec))
    if log is not None:
        (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log))
    if scores is not None:
        (folder / "scores.json").write_text(json.dumps(scores))
    if views:
        Image.new("RGB", (64, 64), "navy").save(folder / "views.png")
    return folder


def score(subject, value, evaluation="knn", metric="accuracy", **protocol):
    figures = {"value": value, "low": value - 0.01, "high": value + 0.01}
    return {"subject": subject, "evaluation": evaluation, "metric": metric, **figures, "protocol": protocol}


def read(folder):
    return Page(write_report(folder).read_text(encoding="utf-8"))
