import re

import numpy as np
import pytest

from twofold.core.errors import TwofoldError, UsageError
from twofold.evaluations._task import make_task, some_of

THREE = np.arange(30) % 3


def test_images_without_a_label_take_no_part(source):
    labels = np.where(np.arange(30) < 12, THREE, -1)
    made = make_task(source(train=labels, test=THREE))
    assert len(made.fit) == 12
    assert (made.fit.labels >= 0).all()
    assert made.protocol["fit_images"] == 12


def test_without_another_split_a_fifth_is_held_out_and_said(source):
    made = make_task(source(train=np.arange(100) % 2))
    assert (len(made.fit), len(made.judge)) == (80, 20)
    assert not set(made.fit.paths) & set(made.judge.paths)
    assert "held-out fifth" in made.protocol["split"]


def test_no_labels_is_told(source):
    with pytest.raises(TwofoldError, match="no labels"):
        make_task(source(classes=(), train=np.full(10, -1)))


def test_one_class_is_told(source):
    with pytest.raises(TwofoldError, match="one class, 'bee'"):
        make_task(source(train=np.ones(20, int), test=np.ones(5, int)))


def test_a_class_that_cannot_be_learned_is_named(source):
    with pytest.raises(TwofoldError, match=r"test has classes without an image in train.*'cat'"):
        make_task(source(train=np.arange(30) % 2, test=THREE))


def test_many_such_classes_are_counted(source):
    classes = tuple(f"class {number}" for number in range(12))
    with pytest.raises(TwofoldError, match=r"'class 6' and 5 more"):
        make_task(source(classes, train=np.arange(30) % 2, test=np.arange(24) % 12))


def test_a_class_that_is_not_judged_is_noted(source):
    made = make_task(source(train=THREE, test=np.arange(20) % 2))
    assert made.notes == ("test has no image of 'cat'",)
    assert make_task(source(train=THREE, test=THREE)).notes == ()


@pytest.mark.parametrize("splits", [("train",), ("train", "test")])
def test_groups_reach_whatever_is_selected_on_the_images_to_fit_on(source, splits):
    """Also where a test split stands ready: the fifth to select on is taken from the fitted images."""
    made = make_task(source(**dict.fromkeys(splits, THREE)), group_by=r"^(\d)")
    assert made.groups == tuple(path[0] for path in made.fit.paths)
    assert "groups by '^(\\d)' kept whole" in made.selected_on
    plain = make_task(source(**dict.fromkeys(splits, THREE)))
    assert plain.groups is None
    assert "groups" not in plain.selected_on


def test_groups_that_splits_part_are_noted_and_not_recorded_as_kept_whole(source):
    data = source(train=THREE, test=np.arange(12) % 3)
    parted = make_task(data, group_by=r"^(\d+)")
    assert parted.notes == (
        "12 of the 12 judged images are of groups that are fitted on, too: "
        "--group-by moves no image from one split to another",
    )
    assert parted.protocol == make_task(data).protocol
    whole = make_task(source(train=np.arange(300) % 3), group_by=r"^(\d)")
    assert whole.notes == ()
    assert "groups by '^(\\d)' kept whole" in whole.protocol["split"]


def test_a_class_with_one_image_cannot_be_held_out_and_says_what_to_do(source):
    with pytest.raises(TwofoldError, match="label at least two images of each class"):
        make_task(source(train=np.arange(3)))


def test_some_images_are_drawn_once_each_and_the_same_for_the_same_seed(source):
    images = source(train=THREE).splits["train"]
    some = some_of(images, 10, seed=0)
    assert len(set(some.paths)) == 10
    assert some_of(images, 10, seed=0).paths == some.paths
    assert some_of(images, 10, seed=1).paths != some.paths
    assert sorted(some_of(images, 100, seed=0).paths) == sorted(images.paths)


@pytest.mark.parametrize(
    ("classes", "told"),
    [
        (("ant", "bee", "Ant", "Bee"), "train spells 'Ant' as 'ant', 'Bee' as 'bee': spell them alike"),
        (("0", "1", "00", "01"), "train spells '00' as '0', '01' as '1'"),
        (("0", "1", "0.0", "1.0"), "train spells '0.0' as '0', '1.0' as '1'"),
        (("sea lion", "bee", "sea_lion", "wasp"), "train spells 'sea_lion' as 'sea lion': spell"),
        (("ant", "bee", "wasp", "fly"), "are the class names spelt alike in both"),
    ],
)
def test_classes_that_are_spelt_otherwise_in_test_are_told(classes, told, source):
    with pytest.raises(TwofoldError, match=re.escape(told)):
        make_task(source(classes, train=np.arange(20) % 2, test=2 + np.arange(20) % 2))


def test_two_spellings_of_what_may_be_one_class_are_noted(source):
    made = make_task(source(("Ant", "ant", "bee"), train=THREE, test=THREE))
    assert made.notes == ("'Ant' and 'ant' count as different classes: are they one, spelt in two ways?",)
    assert make_task(source(("1", "10", "01x"), train=THREE, test=THREE)).notes == ()


def test_a_class_of_one_group_needs_another_group(source):
    data = source(classes=("0", "1"), train=np.repeat([0, 1], 5))
    one_a_class = r"((?<=[0-4])\.p|(?<=[5-9])\.)"
    with pytest.raises(TwofoldError, match="label images of each class in at least two groups"):
        make_task(data, group_by=one_a_class)


@pytest.mark.parametrize("seed", range(8))
def test_of_very_few_images_the_only_one_of_a_class_is_not_held_out(source, seed):
    made = make_task(source(train=np.array([0, 0, 1, 1, 2])), seed=seed)
    assert len(made.judge) == 1
    assert set(made.fit.labels.tolist()) == {0, 1, 2}


def test_what_needs_no_labels_judges_images_whose_labels_do_not_fit(source):
    data = source(train=np.ones(20, int), test=np.ones(5, int))
    made = make_task(data, labelled=False)
    assert (len(made.fit), len(made.judge), made.classes) == (20, 5, ())
    assert "no labels were used: all labelled images of toy are of one class, 'bee'" in made.notes[0]
    fitting = source(train=THREE, test=THREE)
    assert make_task(fitting, labelled=False) == make_task(fitting)


NONE = np.full(20, -1)
PRE_TRAINED_ON = (
    "a run that has learned from these images has seen the judged ones, too: keep a test folder apart"
)


@pytest.mark.parametrize(
    ("splits", "split", "counts"),
    [
        (("train", "unlabelled", "val", "test"), "fitted on train and unlabelled, judged on test", (40, 20)),
        (("unlabelled", "val"), "fitted on unlabelled, judged on val", (20, 20)),
        (("val", "test"), "fitted on val, judged on test", (20, 20)),
        (("test",), "fitted on four fifths of test, judged on the held-out fifth (seed 0)", (16, 4)),
    ],
)
def test_without_labels_what_was_not_pre_trained_on_is_judged(splits, split, counts, source):
    made = make_task(source((), **dict.fromkeys(splits, NONE)), labelled=False)
    assert made.protocol["split"] == split
    assert (len(made.fit), len(made.judge)) == counts
    assert made.notes == ("the images have no labels",)


def test_without_labels_or_any_other_split_a_note_tells_what_was_pre_trained_on(source):
    made = make_task(source((), train=NONE, unlabelled=NONE), labelled=False)
    assert (len(made.fit), len(made.judge)) == (32, 8)
    assert made.notes == ("the images have no labels", PRE_TRAINED_ON)


def test_without_labels_groups_are_kept_whole_too(source):
    made = make_task(source((), train=NONE), labelled=False, group_by=r"^(\d)")
    assert not {path[0] for path in made.fit.paths} & {path[0] for path in made.judge.paths}
    assert "groups by '^(\\d)' kept whole" in made.protocol["split"]


@pytest.mark.parametrize("labels", [THREE, NONE])
def test_test_can_be_left_alone(labels, source):
    about = {"labelled": bool((labels >= 0).all()), "judge_on": "val"}
    whole = make_task(source(train=labels, val=labels, test=labels), **about)
    assert whole.protocol["split"] == "fitted on train, judged on val"
    assert len(whole.judge) == len(labels)
    fifth = make_task(source(train=labels, test=labels), **about)
    assert "judged on the held-out fifth" in fifth.protocol["split"]
    assert len(fifth.fit) + len(fifth.judge) == len(labels)
    with pytest.raises(UsageError, match=r"--judge-on val: toy has no (labels|images) outside of test"):
        make_task(source(test=labels), **about)
