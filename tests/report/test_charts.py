from twofold.report.charts import training_charts


def lines(n, **values):
    return [{"step": step, **values} for step in range(n)]


def test_only_what_was_logged_is_drawn():
    assert training_charts([], None) == []
    assert [c.title for c in training_charts(lines(3, loss=1.0), None)] == ["Loss"]
    assert [c.title for c in training_charts(lines(3, std=0.5, knn=0.4), None)] == [
        "Collapse gauge",
        "k-NN while training",
    ]


def test_steps_become_epochs_where_their_length_is_known():
    log = [{"step": step, "loss": 1.0} for step in (100, 200)]
    assert ">epoch<" in training_charts(log, 100)[0].svg
    assert ">step<" in training_charts(log, None)[0].svg


def test_a_long_log_stays_a_small_picture():
    (chart,) = training_charts(lines(50_000, loss=1.0), 100)
    assert len(chart.svg) < 40_000


def test_one_logged_step_is_drawn_as_a_point():
    (chart,) = training_charts(lines(1, loss=1.0), None)
    assert 'fill="#2f5fb3"' in chart.svg


def test_the_gauge_shows_its_whole_range():
    (chart,) = training_charts(lines(5, std=0.5), None)
    assert ">0<" in chart.svg and ">1<" in chart.svg
