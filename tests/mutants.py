#!/usr/bin/env python3
"""Takes away, one at a time, each step that keeps a reader from hearing a post twice, and shows that the
tests notice: a check that no defect can trip is no check.

    tests/mutants.py            every mutant
    tests/mutants.py NAME...    these

Works on a copy of the tree, with a target folder of its own beside the caller's; exits 1 where one survives.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# A mutant that makes the tests wait for ever is killed too.
LIMIT = 240


class Mutant:
    """A defect, and the tests of which at least one must fail."""

    def __init__(self, name, readers, edits, tests):
        self.name, self.readers, self.edits, self.tests = name, readers, edits, tests


MUTANTS = [
    Mutant(
        "claim-a-claimed-row",
        "two workers that meet over a post send it twice",
        [
            (
                "src/model/delivery.rs",
                "            (Self::Due { attempt, .. }, Event::Claim { permit }) => {",
                "            (\n                Self::Due { attempt, .. } | Self::Claimed { attempt, .. },\n"
                "                Event::Claim { permit },\n            ) => {",
            ),
            (
                "src/ledger/embedded/claim.rs",
                "        let Status::Due { not_before, .. } = row.status else {\n"
                "            return Ok(Claim::Gone(row.status.kind()));\n        };",
                "        let not_before = match row.status {\n"
                "            Status::Due { not_before, .. } => not_before,\n"
                "            Status::Claimed { .. } => self.now,\n"
                "            _ => return Ok(Claim::Gone(row.status.kind())),\n        };",
            ),
        ],
        ["--test it once::two_workers", "--lib model::delivery"],
    ),
    Mutant(
        "recover-by-releasing",
        "the post that was under way when the daemon died is sent again",
        [
            (
                "src/ledger/embedded/open.rs",
                "let (event, why) = if after_start {",
                "let (event, why) = if after_start && maybe {",
            )
        ],
        ["--test it once::a_permit_that_was_lost"],
    ),
    Mutant(
        "grant-before-commit",
        "a full disk forgets a claim that was sent, and it is sent again",
        [
            (
                "src/ledger/embedded/writer.rs",
                "            finishes.push(job(Ok(&mut batch)));\n",
                "            job(Ok(&mut batch))(&Ok(()));\n",
            )
        ],
        ["--lib ledger::embedded::tests::a_claim_that_was_not_written_down"],
    ),
    Mutant(
        "no-witness-before-the-permit",
        "a ledger that is restored from a backup sends again what it has forgotten",
        [
            (
                "src/ledger/embedded/batch.rs",
                "        if first || !taken.claims.is_empty() {",
                "        if first {",
            )
        ],
        ["--test it ledger::"],
    ),
    Mutant(
        "timeout-as-unsent",
        "a platform that answers late is sent the post again",
        [
            (
                "src/wire/transport.rs",
                "    if error.is_builder() || error.is_connect() {\n        Trouble::Unsent(why)",
                "    if error.is_builder() || error.is_connect() || error.is_timeout() {\n"
                "        Trouble::Unsent(why)",
            )
        ],
        ["--test it once::whatever_a_server_does"],
    ),
    Mutant(
        "alias-ignored",
        "every guid that changes is a new post",
        [
            (
                "src/ledger/embedded/admit.rs",
                "        self.tables.known_by(alias)\n",
                "        self.tables.known_by(alias).map(|_| None)\n",
            )
        ],
        ["--test it ledger::"],
    ),
    Mutant(
        "cap-outside-the-claim",
        "a restart, and the flood begins afresh",
        [
            (
                "src/ledger/embedded/claim.rs",
                "        if let Some((until, why)) = caps::next_allowed(lane_caps, &claims, self.now) {",
                "        if let Some((until, why)) = caps::next_allowed(lane_caps, &claims, self.now)\n"
                "            .filter(|_| self.core.live.len() > 1)\n        {",
            )
        ],
        ["--test it once::a_restart_does_not_refill_the_caps"],
    ),
    Mutant(
        "redirect-followed",
        "a redirect repeats a post at every hop",
        [
            (
                "src/wire/transport.rs",
                "        .redirect(redirect::Policy::none())",
                "        .redirect(redirect::Policy::limited(10))",
            )
        ],
        ["--test it once::whatever_a_server_does"],
    ),
    Mutant(
        "retry-switched-on",
        "a lost answer is answered with the same post again",
        [
            (
                "src/wire/transport.rs",
                "            let answer = request.send().await.map_err(|e| trouble(&e))?;\n",
                "            let again = request.try_clone();\n"
                "            let answer = match (request.send().await, again) {\n"
                "                (Ok(answer), _) => answer,\n"
                "                (Err(_), Some(again)) => again.send().await.map_err(|e| trouble(&e))?,\n"
                "                (Err(e), None) => return Err(trouble(&e)),\n            };\n",
            )
        ],
        ["--test it once::whatever_a_server_does"],
    ),
    Mutant(
        "connection-reused",
        "the HTTP library repeats a post by itself on a connection that went stale",
        [("src/wire/transport.rs", "        .pool_max_idle_per_host(0)\n", "")],
        ["--test it wire::no_connection_is_used_twice"],
    ),
    Mutant(
        "window-ignored",
        "a key is repeated when the platform has forgotten it",
        [
            (
                "src/ledger/embedded/claim.rs",
                "            Some(window) if elapsed >= window => {",
                "            Some(window) if elapsed >= window && window.is_zero() => {",
            )
        ],
        ["--test it ledger::", "--test it absent::"],
    ),
    Mutant(
        "refused-repeat-believed",
        "a refusal of the repeat hides that the first one was seen, and a replay sends it again",
        [
            (
                "src/model/delivery.rs",
                "            (Self::Claimed { maybe: false, .. }, Event::Refused(reason)) => {",
                "            (Self::Claimed { .. }, Event::Refused(reason)) => {",
            ),
            (
                "src/ledger/embedded/settle.rs",
                "                if maybe =>",
                "                if maybe && attempt == 0 =>",
            ),
        ],
        ["--test it doubt::", "--lib model::delivery"],
    ),
    Mutant(
        "baseline-sent",
        "the whole archive is posted when a feed is added",
        [
            (
                "src/ledger/embedded/admit.rs",
                "        let first_sight = !row.known;\n",
                "        let first_sight = !row.known && entries.is_empty();\n",
            )
        ],
        ["--test it ledger::the_first_sight"],
    ),
]


def copied(to):
    """The tree as git knows it, with what is not committed yet."""
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout.split(b"\0")
    for name in filter(None, files):
        source = ROOT / os.fsdecode(name)
        if source.is_file():
            target = to / os.fsdecode(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def ran(tree, environment, words):
    """Whether the tests pass; None where they do not build."""
    try:
        done = subprocess.run(
            ["cargo", "test", "--locked", "--quiet", *words, "--no-run"],
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            return None, done.stderr
        done = subprocess.run(
            ["cargo", "test", "--locked", "--quiet", *words],
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        return False, "it never ended"
    ran_any = any(
        "test result" in line and " 0 passed; 0 failed" not in line for line in done.stdout.splitlines()
    )
    return (done.returncode == 0 if ran_any else None), done.stdout + done.stderr


def words_of(test):
    """Cargo's words for one filter: the target, then the filter."""
    *target, wanted = test.split()
    return [*target, wanted]


def main():
    wanted = sys.argv[1:]
    unknown = [name for name in wanted if name not in {mutant.name for mutant in MUTANTS}]
    if unknown:
        sys.exit(f"there is no mutant {', '.join(unknown)}; there are {', '.join(m.name for m in MUTANTS)}")
    mutants = [mutant for mutant in MUTANTS if not wanted or mutant.name in wanted]
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    environment = {**os.environ, "CARGO_TARGET_DIR": target, "CARGO_INCREMENTAL": "1", "RUST_BACKTRACE": "0"}
    survivors = []
    with tempfile.TemporaryDirectory(prefix="oncecast-mutants-") as folder:
        tree = Path(folder)
        copied(tree)
        # Each test passes on the tree as it is, or its failure would prove nothing.
        for test in sorted({test for mutant in mutants for test in mutant.tests}):
            passed, said = ran(tree, environment, words_of(test))
            if not passed:
                sys.exit(f"{test} does not pass without any mutant:\n{said[-3000:]}")
        for number, mutant in enumerate(mutants, 1):
            began = time.monotonic()
            kept = {}
            for name, before, after in mutant.edits:
                path = tree / name
                text = path.read_text()
                kept.setdefault(path, text)
                if text.count(before) != 1:
                    sys.exit(f"{mutant.name}: {name} has {text.count(before)} places like\n{before}")
                path.write_text(text.replace(before, after))
            killer = None
            for test in mutant.tests:
                passed, said = ran(tree, environment, words_of(test))
                if passed is None:
                    sys.exit(f"{mutant.name} does not build, or {test} finds no test:\n{said[-3000:]}")
                if not passed:
                    killer = test
                    break
            for path, text in kept.items():
                path.write_text(text)
            verdict = f"killed by {killer}" if killer else f"SURVIVES: {mutant.readers}"
            seconds = time.monotonic() - began
            print(f"{number:2}/{len(mutants)}  {mutant.name}  {verdict}  ({seconds:.0f} s)", flush=True)
            if not killer:
                survivors.append(mutant.name)
    print(f"{len(mutants) - len(survivors)} of {len(mutants)} mutants killed")
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
