import pytest

from twofold.core.evaluation import Score
from twofold.report.grid import grid, role


def score(subject, value=0.5, evaluation="knn", metric="accuracy", **protocol):
    return Score(subject, evaluation, metric, value, value, value, protocol)


def test_floors_come_first_and_the_trained_encoder_last():
    table = grid([score("run"), score("supervised"), score("random:resnet18"), score("pixels")])
    assert [row.title for row in table.rows] == [
        "Raw pixels",
        "Random encoder",
        "Supervised from scratch",
        "Pre-trained encoder",
    ]
    assert [row.note for row in table.rows] == ["", "resnet18", "", "run"]


def test_a_figure_that_was_not_measured_is_none():
    table = grid([score("run", 0.1), score("pixels", 0.2, "linear")])
    assert [[s and s.value for s in row.scores] for row in table.rows] == [[None, 0.2], [0.1, None]]


def test_the_protocol_is_spelt_out_only_where_it_tells_columns_apart():
    scores = [
        score(s, k=k, temperature=t, split="val") for s in ("run", "pixels") for k, t in ((200, 0.07), (1, 0))
    ]
    table = grid([*scores, score("run", evaluation="linear", split="val"), score("run", metric="macro_f1")])
    assert [c.title for c in table.columns] == ["k-NN, k=200", "k-NN, k=1", "k-NN, macro-F1", "Linear probe"]


def test_of_most_neighbours_first_whichever_was_measured_last():
    scores = [score("run", metric=metric, k=k) for k in (1, 200) for metric in ("accuracy", "macro_f1")]
    titles = ["k-NN, k=200", "k-NN, macro-F1, k=200", "k-NN, k=1", "k-NN, macro-F1, k=1"]
    assert [c.title for c in grid(scores).columns] == titles


def test_what_came_out_on_the_way_does_not_make_another_column():
    scores = [score("run", evaluation="few_labels", per_class=n, found={"spread": n}) for n in (1, 10)]
    assert [c.title for c in grid(scores).columns] == ["Few labels, per class=1", "Few labels, per class=10"]
    again = [score("run", value, found={"strength": value}) for value in (0.1, 0.2)]
    assert [c.title for c in grid(again).columns] == ["k-NN"]


def test_what_only_a_later_score_says_tells_it_apart_too():
    scores = [score("run", 0.1, k=1), score("run", 0.2, k=1, group_by="scene")]
    assert [c.title for c in grid(scores).columns] == ["k-NN", "k-NN, group by=scene"]


def test_fewer_images_than_there_are_are_told():
    some = score("run", evaluation="finetune", images=2000, fit_images=45000)
    everything = score("run", evaluation="mlp", images=300, fit_images=300)
    assert [c.title for c in grid([some, everything]).columns] == [
        "Fine-tuned, 2,000 images",
        "Two-layer probe",
    ]


def test_other_data_are_always_told_and_tell_columns_apart():
    one = score("run", evaluation="transfer", metric="score", to="cells", arm="linear")
    assert [c.title for c in grid([one]).columns] == ["Transfer, to cells"]
    both = [one, score("run", evaluation="transfer", metric="score", to="digits", arm="linear")]
    assert [c.title for c in grid(both).columns] == ["Transfer, to cells", "Transfer, to digits"]
    tuned = score("run", evaluation="transfer", metric="score", to="cells", arm="finetune")
    assert [c.title for c in grid([*both, tuned]).columns] == [
        "Transfer, to cells, arm=linear",
        "Transfer, to digits, arm=linear",
        "Transfer, to cells, arm=finetune",
    ]


def test_a_figure_measured_again_counts_as_measured_last():
    (row,) = grid([score("run", 0.1), score("run", 0.2)]).rows
    assert [s.value for s in row.scores] == [0.2]


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("pixels", "pixels"),
        ("raw pixels", "pixels"),
        ("random:resnet18_w16", "random"),
        ("random encoder", "random"),
        ("timm:resnet18", "public"),
        ("torchvision:resnet18", "public"),
        ("random:torchvision/resnet18", "random"),
        ("2025-01-30-simclr-photos-s0-4f2a91c7@projector", "part"),
        ("supervised from scratch", "supervised"),
        ("supervised:resnet18", "supervised"),
        ("random-crops-run", "trained"),
        ("2025-01-30-simclr-random_textures-s0-4f2a91c7", "trained"),
        ("pre-trained", "trained"),
    ],
)
def test_roles(subject, expected):
    assert role(subject) == expected


def test_a_column_tells_what_was_selected_for_its_figures():
    chosen = [score("run", evaluation="linear", selected="L2 strength, on a held-out fifth"), score("run")]
    table = grid([score("pixels", evaluation="linear"), *chosen])
    assert [table.selected(position) for position in range(2)] == ["L2 strength, on a held-out fifth", ""]


def test_a_wide_table_falls_into_parts_that_keep_protocols_whole():
    columns = [("knn", "accuracy"), ("linear", "accuracy"), ("geometry", "rank"), ("geometry", "alignment")]
    scores = [score("run", 0.1, evaluation, metric) for evaluation, metric in columns]
    wide = grid([*scores, score("pixels", 0.2)])
    parts = [[column.metric for column in part.columns] for part in wide.parts(3)]
    assert parts == [["accuracy", "accuracy"], ["rank", "alignment"]]
    assert [[row.subject for row in part.rows] for part in wide.parts(3)] == [["pixels", "run"], ["run"]]
    assert wide.parts(4)[0].columns == wide.columns
    assert [len(part.columns) for part in wide.parts(1)] == [1, 1, 1, 1]
    assert grid([]).parts(3) == []


def test_a_short_entry_tells_columns_apart_rather_than_a_long_one():
    usual = {"strengths": [1.0, 0.1, 0.01, 0.001], "selected": "L2 strength, on a held-out fifth"}
    scores = [score("run", evaluation="linear", **usual), score("run", evaluation="linear", family="moco")]
    assert [c.title for c in grid(scores).columns] == ["Linear probe", "Linear probe, family=moco"]


def test_only_what_tells_columns_apart_is_spelt_out_so_that_all_subjects_share_them():
    """A probe of random networks is the mean of several, that of a run is not: it is one way of judging."""

    def few(subject, **several):
        arms = [{"arm": "probe", **several}, {"arm": "finetune", "networks": 1, "draws": 3}]
        labels = [{"per_class": 1}, {"share": 0.1}]
        return [
            score(subject, evaluation="few_labels", **{**how, "draws": how.get("draws", 20), **much})
            for much in labels
            for how in arms
        ]

    table = grid([*few("random:net", networks=3), *few("run")])
    assert len(table.columns) == 4
    assert all(all(row.scores) for row in table.rows)
