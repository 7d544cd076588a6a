"""A run as arrays says what its rows say."""

import numpy as np
import pytest
from runner_kit import Sums, make_plan

from promptship.errors import UsageError


async def test_the_table_of_a_variant_repeats_its_rows(lab):
    run = await lab.run(make_plan(20, variants=("a", "b"), repeats=2), Sums(), Sums())
    table = run.table("b")
    rows = [record for record in run.records() if record.key.variant == 1]
    assert table.case_ids == tuple(record.key.case_id for record in rows if record.key.repeat == 0)
    passed = [[float(one.outcome == "passed") for one in rows if one.key.case_id == case] for case in table.case_ids]
    assert table.metrics["pass_rate"].tolist() == passed
    assert table.metrics["latency_s"].tolist() == [
        [one.output.latency_s for one in rows if one.key.case_id == case] for case in table.case_ids
    ]
    assert table.metrics["cost_usd"].tolist() == [[0.001, 0.001]] * 20
    assert table.case_means("equals").sum() == 18
    assert not table.has_clusters


async def test_slices_and_pairs_keep_rows_together(lab):
    run = await lab.run(make_plan(20), Sums())
    table = run.table()
    german = table.where(("language", "de"))
    assert {tags["language"] for tags in german.tags} == {"de"}
    mine, theirs = table.pair(table.take(list(reversed(range(10)))))
    assert mine.case_ids == theirs.case_ids == table.case_ids[:10]
    assert np.array_equal(mine.metrics["latency_s"], theirs.metrics["latency_s"])
    assert table.keep({table.case_ids[3]}).case_ids == (table.case_ids[3],)


async def test_what_is_not_there_is_refused_by_name(lab):
    run = await lab.run(make_plan(4, variants=("a", "b")), Sums(), Sums())
    with pytest.raises(UsageError, match="no variant 'c'"):
        run.table("c")
    with pytest.raises(UsageError, match="several variants"):
        run.table()
    with pytest.raises(UsageError, match="no metric 'polite'"):
        run.table("a").case_means("polite")
