import json

import pytest

from pages import HOSTILE, SPEC, Page, make_run, read, score
from twofold.core.errors import TwofoldError
from twofold.report import charts
from twofold.report.html import write_report

LOG = [
    {
        "step": s,
        "epoch": s // 195,
        "loss": 5 - s / 200,
        "std": 0.9,
        "images_per_second": 900,
        "seconds": s / 4,
    }
    for s in range(0, 401, 20)
]


@pytest.fixture
def full(tmp_path):
    folder = tmp_path / "2025-01-30-simclr-cifar10-s7-4f2a91c7"
    scores = [
        score("pixels", 0.41),
        score("random:resnet18_w16", 0.31),
        score(folder.name, 0.56, images=10000),
    ]
    scores += [score(folder.name, 0.7, "linear", "recall/ship")]
    return make_run(folder, log=LOG, scores=scores, views=True)


def test_a_full_run_tells_verdict_scores_training_views_facts_and_next_command(full):
    page = read(full)
    assert write_report(full) == full / "report.html"
    for expected in (
        "Pre-training helped: by k-NN it reaches 56.0%",
        "55.0–57.0",
        "The loss went from 5 to 3.",
        "ship",
        "resnet18_w16, 32 px, colour",
        "900 images/s",
        "1 min 40 s",
        "bf16",
        "2.05 epochs, 400 steps",
    ):
        assert expected in page.text, expected
    assert f"twofold fit {full} --data 'my data/cifar10.zip' --labels labels.csv" in page.text


def test_it_tells_of_several_processes_and_where_a_run_is_not_bit_exact(tmp_path):
    assert "Not bit-exact" not in read(make_run(tmp_path / "exact", spec={**SPEC, "processes": 1})).text
    marks = [{"step": 3, "because": ["processes was 2 and is now 1", "torch was 2.6 and is now 2.7"]}]
    page = read(make_run(tmp_path / "inexact", spec={**SPEC, "processes": 2, "inexact": marks}))
    assert "2 processes, 2 threads" in page.text
    assert "from step 3 on: processes was 2 and is now 1, torch was 2.6 and is now 2.7" in page.text


def test_the_page_needs_nothing_but_itself(full):
    html = write_report(full).read_text(encoding="utf-8")
    page = Page(html)
    assert page.all("script") == page.all("link") == page.all("iframe") == []
    for _, attributes in page.elements:
        for name in ("src", "href", "xlink:href"):
            assert attributes.get(name, "data:").startswith("data:")
    for outside in ("@import", "url(", "https://"):
        assert outside not in html


def test_pictures_and_tables_can_be_read_without_seeing_them(full):
    page = read(full)
    assert page.all("html")[0]["lang"] == "en"
    assert all(image["alt"] for image in page.all("img"))
    drawings = [d for d in page.all("div") if d.get("role") == "img"]
    assert len(drawings) == len(page.all("svg")) == 2
    assert all(drawing["aria-label"] for drawing in drawings)
    assert all(header["scope"] in ("row", "col") for header in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table")) == 2


def test_names_from_strangers_stay_text(tmp_path):
    spec = {
        **SPEC,
        "data": {"name": HOSTILE, "open": {"data": HOSTILE}},
        "command": HOSTILE,
        "processor": HOSTILE,
    }
    scores = [score("run", 0.5, protocol_note=HOSTILE), score("run", 0.5, "linear", f"recall/{HOSTILE}")]
    scores += [score(f"random:{HOSTILE}", 0.4)]
    page = read(make_run(tmp_path / "run", spec=spec, log=LOG, scores=scores))
    assert page.all("script") == page.all("img") == []
    assert page.text.count(HOSTILE) >= 5


def test_a_run_that_has_nothing_yet_says_so_in_words(tmp_path):
    text = read(make_run(tmp_path / "young", spec={})).text
    for expected in (
        "Not judged",
        "There are no scores yet",
        "Nothing was logged",
        "no sheet of views",
        "not recorded",
    ):
        assert expected in text, expected
    assert "twofold evaluate" in text


@pytest.mark.parametrize(
    ("typed", "asked", "following"),
    [
        ("quickstart", {"minutes": 10.0}, "pretrain 'my data/cifar10.zip' --method simclr --minutes 20"),
        (
            "pretrain 'my data' --epochs 2 --encoder resnet18_w16 --lr 0.1",
            {"epochs": 2.0},
            "pretrain 'my data' --encoder resnet18_w16 --lr 0.1 --epochs 4",
        ),
        (
            "distill pile --minutes=5 --teacher mine",
            {"minutes": 5.0},
            "distill pile --teacher mine --minutes 10",
        ),
    ],
)
def test_what_did_not_help_yet_is_trained_longer_and_otherwise_as_before(typed, asked, following, tmp_path):
    spec = {**SPEC, "command": f"twofold {typed}", "asked": asked}
    text = read(make_run(tmp_path / "run", spec=spec, scores=[score("pixels", 0.4), score("run", 0.2)])).text
    assert "Pre-training did not help" in text
    assert f"twofold {following}\n" in text


def test_a_torn_log_and_figures_that_are_not_finite_are_left_out(tmp_path):
    folder = make_run(tmp_path / "run", log=[{"step": 1, "loss": 2.0}, {"step": 2, "loss": float("nan")}])
    with (folder / "log.jsonl").open("a") as file:
        file.write('{"step": 3, "lo')
    assert "The loss went from 2 to 2." in read(folder).text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("spec.json", '{"method"'),
        ("scores.json", '[{"subj'),
        ("scores.json", '[{"subject": "x"}]'),
    ],
)
def test_damaged_files_are_an_error_in_one_line_and_leave_no_page(full, name, content):
    (full / name).write_text(content)
    with pytest.raises(TwofoldError, match="damaged") as error:
        write_report(full)
    assert "\n" not in str(error.value)
    assert sorted(path.name for path in full.glob("*report*")) == []


def test_another_folder_is_not_a_run(tmp_path):
    with pytest.raises(TwofoldError, match="not a run folder"):
        write_report(tmp_path)


def test_the_style_sheet_recolours_what_the_charts_draw(full):
    html = write_report(full).read_text(encoding="utf-8")
    for colour in (charts.LINE, charts.FAINT):
        assert f'svg [stroke="{colour}"]' in html
        assert f'stroke="{colour}"' in html.partition("</style>")[2]
    assert f'svg [fill="{charts.INK}"]' in html
    assert f'fill="{charts.INK}"' in html.partition("</style>")[2]


def test_pictures_tables_and_other_files_of_judging_are_on_the_page(full):
    shown = [
        ("a.png", "A picture.", "made"),
        ("b.csv", "A table.", "class,images\nant,3\n"),
        ("c.txt", "A list.", HOSTILE),
        ("gone.png", "Nobody knows.", None),
        ("../spec.json", "A secret.", None),
    ]
    (full / "artefacts").mkdir()
    for name, _, content in shown:
        if content is not None:
            (full / "artefacts" / name).write_text(content)
    entries = [
        {"file": n, "subject": full.name, "evaluation": "geometry", "name": n, "caption": c}
        for n, c, _ in shown
    ]
    (full / "artefacts.json").write_text(json.dumps(entries))
    page = read(full)
    assert next(image["alt"] for image in page.all("img")) == "A picture."
    assert "ant" in page.text and "A table." in page.text
    assert [link["download"] for link in page.all("a")] == ["c.txt"]
    assert "Nobody knows" not in page.text
    assert "A secret" not in page.text
    assert page.all("script") == []
