from gateway.core.abstentions import TURNS, Abstentions, kind, outcomes


def test_the_kind_is_the_first_word_of_why():
    assert [kind(why) for why in ("bad power: rail", "filling", "range flow: 75% of", "")] == [
        "bad", "filling", "range", "unknown",
    ]  # fmt: skip


def test_a_score_that_was_too_uncertain_counts_as_an_abstention():
    abstained = {"model:a": "interval 0.9 to 1.5: normal or warning", "rule:2": "unknown"}
    assert list(outcomes({"a": 1.2, "b": 0.3}, abstained)) == [("a", "interval"), ("b", "answered")]


def test_rates_are_of_the_last_turns_only():
    subject = Abstentions()
    for _ in range(TURNS):
        subject.note("a", "gap")
    for _ in range(TURNS - 250):
        subject.note("a", "answered")
    assert subject.rates() == {"a": {"turns": TURNS, "abstained": 0.25, "reasons": {"gap": 0.25}}}


def test_a_model_that_always_answers_never_abstained():
    subject = Abstentions()
    subject.note("a", "answered")
    assert subject.rates() == {"a": {"turns": 1, "abstained": 0.0, "reasons": {}}}
