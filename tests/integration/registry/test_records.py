"""Evalsets and runs are kept by digest, and what is personal in them can be erased."""

from dataclasses import replace

import pytest

from promptship.domain import CellKey, CellRecord, Output, RunManifest, Score, Usage, Variant, Verdict
from promptship.errors import ReferenceNotFoundError, UsageError
from promptship.evalsets import load_evalset
from promptship.runner import summarize

EVALSET = """prompt: support/reply
scorers: [icontains]
cases:
  - {id: bob, inputs: {mail: I am Bob}, expected: Bob, tags: {subject: bob}}
  - {id: eve, inputs: {mail: I am Eve}, expected: Eve, cluster: eves}
  - {id: any, inputs: {mail: nobody}, expected: nobody}
"""


@pytest.fixture
def evalset(tmp_path):
    path = tmp_path / "mails.yaml"
    path.write_text(EVALSET, encoding="utf-8")
    return load_evalset(path, root=tmp_path)


@pytest.fixture
def run(evalset, push):
    """The parts of a finished run of one version."""
    (version,) = push("one")
    variant = Variant(label="support/reply@1", prompt="support/reply", digest=version.digest)
    manifest = RunManifest(
        run_id="20261101-120000-abcdef",
        plan_digest="sha256:1",
        evalset="mails",
        evalset_path="evalsets/mails.yaml",
        evalset_digest=evalset.digest,
        scoring_digest="sha256:2",
        variants=(variant,),
        scorers=("icontains",),
        required=("icontains",),
        cells=3,
        finished="2026-11-01T12:00:01+00:00",
    )
    records = [
        CellRecord(
            key=CellKey(0, case.id, 0),
            outcome="passed" if case.id != "eve" else "failed",
            inputs=case.inputs,
            expected=case.expected,
            tags=case.tags,
            cluster=case.cluster,
            output=Output(text=str(case.inputs["mail"]), usage=Usage(), cost_usd=None),
            scores={"icontains": Score(value=1.0, passed=case.id != "eve")},
        )
        for case in evalset.cases()
    ]
    return manifest, summarize(manifest, records), Verdict(finding="fail", outcome="fail", gates=()), records


def test_an_evalset_is_stored_once_and_verifies(registry, evalset, ada):
    stored = registry.store_evalset(evalset, actor=ada)
    assert (stored.name, stored.digest, stored.cases) == ("mails", evalset.digest, 3)
    assert registry.store_evalset(evalset, actor=ada) == stored
    assert registry.evalsets("mails") == [stored]
    assert registry.verify().flaws == ()


def test_a_run_is_stored_once_and_found_by_what_it_is_of(registry, run, ada, evalset):
    stored = registry.store_run(*run, actor=ada)
    assert registry.store_run(*run, actor=ada) == stored
    assert stored.outcome == "fail"
    version = registry.resolve("support/reply@1")
    assert registry.runs(version=version.digest) == registry.runs(evalset=evalset.digest) == [stored]
    assert registry.runs(version="sha256:0") == []
    assert registry.verify().flaws == ()


def test_the_cells_of_a_stored_run_can_be_asked_for(registry, run, ada):
    registry.store_run(*run, actor=ada)
    cells = registry.cells("20261101-120000-abcdef", version=registry.resolve("support/reply@1").digest)
    assert [(cell.key.case_id, cell.outcome) for cell in cells] == [
        ("bob", "passed"), ("eve", "failed"), ("any", "passed")
    ]  # fmt: skip
    assert cells[1].scores == {"icontains": (1.0, False)}
    assert registry.cells("20261101-120000-abcdef", version="sha256:0") == []
    with pytest.raises(ReferenceNotFoundError, match="no run 'x'"):
        registry.cells("x")


def test_what_is_no_finished_run_of_that_id_is_refused(registry, run, ada):
    manifest, *rest = run
    with pytest.raises(UsageError, match="is not finished"):
        registry.store_run(replace(manifest, finished=None), *rest, actor=ada)
    registry.store_run(manifest, *rest, actor=ada)
    with pytest.raises(UsageError, match="another run"):
        registry.store_run(replace(manifest, scoring_digest="sha256:3"), *rest, actor=ada)


def test_payloads_are_erased_by_subject_and_everything_verifies(registry, run, ada, evalset, database):
    registry.store_evalset(evalset, actor=ada)
    registry.store_run(*run, actor=ada)
    count, size = registry.erase(actor=ada, subject="bob", reason="asked to be forgotten")
    assert count == 2
    assert size > 0
    report = registry.verify()
    assert (report.flaws, report.erased) == ((), 2)
    assert database.execute("SELECT count(*) FROM blob WHERE subject = 'bob'")[0][0] == 0
    assert database.execute("SELECT count(*) FROM blob WHERE content IS NULL AND salt IS NULL")[0][0] == 2
    assert registry.erase(actor=ada, subject="eves")[0] == 2
    assert "bob" not in registry.log(limit=2)[1].text + str(database.execute("SELECT payload FROM ledger_event"))
    assert [cell.outcome for cell in registry.cells("20261101-120000-abcdef")] == ["passed", "failed", "passed"]


def test_payloads_are_erased_by_age(registry, run, ada, evalset, clock):
    registry.store_evalset(evalset, actor=ada)
    between = clock().isoformat()
    registry.store_run(*run, actor=ada)
    assert registry.erase(actor=ada, before=between)[0] == 3
    assert registry.erase(actor=ada, before=between) == (0, 0)
    assert registry.verify().flaws == ()
    assert len(registry.log()) == 4


def test_the_name_of_an_erased_payload_is_no_digest_of_its_content(registry, evalset, ada, database):
    import hashlib

    registry.store_evalset(evalset, actor=ada)
    (names,) = zip(*database.execute("SELECT digest FROM blob WHERE salt IS NOT NULL"), strict=True)
    lines = list(evalset.canonical_lines())[1:]
    assert not {hashlib.sha256(line).hexdigest() for line in lines} & {name.partition(":")[2] for name in names}


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE run SET complete = NOT complete", "run 20261101-120000-abcdef: a column differs"),
        ("DELETE FROM run", "run 20261101-120000-abcdef: it was stored, and is missing"),
        ("UPDATE evalset_version SET cases = 7", "evalset_version mails@sha256:"),
        ("DELETE FROM evalset_version", "evalset_version mails@sha256:"),
    ],
)
def test_changed_records_are_found(registry, run, ada, evalset, database, statement, row):
    registry.store_evalset(evalset, actor=ada)
    registry.store_run(*run, actor=ada)
    if statement.startswith("DELETE FROM run"):
        database.execute("DELETE FROM run_variant", guarded=False)
        statement = "DELETE FROM run" if database.dialect == "postgresql" else statement
    database.execute(statement, guarded=False)
    assert str(registry.verify().flaws[0]).startswith(row)
