"""How a report shows figures."""

import pytest

from pages import SPEC, make_run, read, score
from twofold.report.shown import figure, uncertainty


def test_the_few_label_table_is_shown_and_judged(tmp_path):
    def row(subject, one, ten, **values):
        figures = [score(subject, value, name) for name, value in values.items()]
        draws = [score(subject, v, "few_labels", per_class=n) for n, v in ((1, one), (10, ten))]
        return [*figures, *draws]

    scores = [
        *row("pixels", 0.2, 0.4, knn=0.42, linear=0.5),
        *row("random:resnet18_w16", 0.15, 0.3, knn=0.31, linear=0.4),
        *row("supervised", 0.22, 0.41),
        *row("quick", 0.5, 0.8, knn=0.86, linear=0.9),
    ]
    text = read(make_run(tmp_path / "quick", scores=scores)).text
    for expected in (
        "per class=1",
        "per class=10",
        "86.0",
        "not measured",
        "Supervised from scratch",
    ):
        assert expected in text, expected
    assert "Pre-training helped: by k-NN it reaches 86.0%" in text


def test_figures_that_are_no_shares_are_plain_numbers_and_what_has_no_interval_shows_none(tmp_path):
    rank = {**score("run", 0.5, "geometry", "rank"), "low": 0.5, "high": 0.5, "share": False}
    uniformity = {**score("run", -2.1, "geometry", "uniformity"), "share": False}
    folder = make_run(tmp_path / "run", scores=[rank, uniformity])
    page = read(folder)
    table = page.text.partition("What was judged")[2].partition("Training")[0].split()
    assert "0.5" in table and "50.0" not in table
    assert "-2.11 to -2.09" in " ".join(table)
    assert not any("bar" in each.get("class", "") for each in page.all("span"))


@pytest.mark.parametrize(
    ("value", "figured", "uncertain"),
    [
        (99.4, "99.4", "99"),
        (99.7, "99.7", "100"),
        (999.7, "1,000", "1,000"),
        (-12345.6, "-12,346", "-12,346"),
    ],
)
def test_large_figures_are_spelt_out(value, figured, uncertain, tmp_path):
    assert figure(value, share=False) == figured
    assert uncertainty(value, share=False) == uncertain
    log = [{"step": step, "loss": value} for step in (1, 2)]
    text = read(make_run(tmp_path / "run", spec={**SPEC, "epochs": value}, log=log)).text
    assert f"{figured} epochs, 400 steps" in text
    assert f"The loss went from {figured} to {figured}." in text


def test_what_was_selected_for_is_marked(tmp_path):
    scores = [score("run", 0.5, "linear", selected="L2 strength, on a held-out fifth"), score("run", 0.4)]
    page = read(make_run(tmp_path / "run", scores=scores))
    assert page.all("abbr") == [{"title": "selected: L2 strength, on a held-out fifth"}]
    assert "* something was selected for these figures, never on the judged images" in page.text


def test_figures_of_one_protocol_are_defined_once_and_long_lists_by_their_ends(tmp_path):
    strengths = [10.0**n for n in range(12)]
    scores = [score("run", 0.5, "linear", m, strengths=strengths) for m in ("accuracy", "macro_f1")]
    page = read(make_run(tmp_path / "run", scores=[*scores, score("run", 0.4, k=3)]))
    text = " ".join(page.text.split())
    assert "Linear probe; Linear probe, macro-F1strengths 12 from 1.0 to 100000000000.0 k-NNk 3" in text
