#!/usr/bin/env python3
"""Takes away, one at a time, each step that keeps a reader from hearing a post twice, and shows that the
tests notice: a check that no defect can trip is no check.

    tests/mutants.py            every mutant
    tests/mutants.py NAME...    these

Works on copies of the tree, each with a target folder of its own: cargo would take a mutant that was built in the
caller's for the caller's own code. Exits 1 where one survives.
"""

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# A mutant that makes the tests wait for ever is killed too.
LIMIT = 240
# What is built after a change is mostly built by one core: two at a time use two.
WORKERS = 2


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
        ["--test it trust::what_a_lost_ledger_may_have_sent"],
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
        # The other test waits for a settlement that never comes.
        ["--lib model::delivery", "--test it doubt::"],
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
    Mutant(
        "burst-let-through",
        "a blog's new system shows its drafts for a minute, and readers hear all of them",
        [
            (
                "src/ledger/admission.rs",
                "    new > policy.burst as usize || (items",
                "    (items",
            )
        ],
        ["--test it walls::more_new_posts"],
    ),
    Mutant(
        "share-let-through",
        "a small feed is replaced by a strange one, and readers hear all of it",
        [
            (
                "src/ledger/admission.rs",
                " && share > policy.share)",
                " && share > policy.share && items == 0)",
            )
        ],
        ["--test it walls::a_feed_that_is_mostly_new"],
    ),
    Mutant(
        "near-duplicate-let-through",
        "a blog that moves tells its newest post again",
        [
            (
                "src/ledger/admission.rs",
                "            if let Some((number, because)) = &alike[at] {",
                "            if let Some((number, because)) = alike[at].as_ref().filter(|_| entries.is_empty()) {",
            )
        ],
        ["--test it walls::the_same_text"],
    ),
    Mutant(
        "stale-let-through",
        "a story of last year slides into the feed's window, and readers hear it as news",
        [
            (
                "src/ledger/admission.rs",
                "        if now.since(published) > policy.max_age {",
                "        if now.since(published) > policy.max_age && entry.title.is_empty() {",
            )
        ],
        ["--test it incidents::window::f1"],
    ),
    Mutant(
        "no-second-look",
        "readers hear what its author took back at once",
        [
            (
                "src/ledger/embedded/admit.rs",
                "hold.is_none() && !policy.settle.is_zero())",
                "hold.is_none() && !policy.settle.is_zero() && present.len() > 1_000)",
            )
        ],
        ["--test it incidents::loss::l5"],
    ),
    Mutant(
        "shared-key-believed",
        "posts that share a link are taken for one another",
        [
            (
                "src/ledger/admission/look.rs",
                "        Ok(self.memory.known_by(&shared_mark(&alias.fingerprint))?.is_some())",
                "        Ok(self.memory.known_by(&shared_mark(&alias.fingerprint))?.is_some()\n"
                "            && self.entries.is_empty())",
            )
        ],
        ["--test it walls::a_link_that_two_posts"],
    ),
    Mutant(
        "owed-once-a-feed",
        "a group that hears two feeds hears a post that stands in both twice",
        [
            (
                "src/ledger/embedded/admit.rs",
                "            if self.tables.delivery(id)?.is_some() {\n                continue;",
                "            if self.tables.delivery(id)?.is_some_and(|row| row.opened == self.now) {\n"
                "                continue;",
            )
        ],
        ["--test it walls::a_post_that_stands_in_two_feeds"],
    ),
    Mutant(
        "breaker-never-opens",
        "a platform that loses every answer is sent all that there is, and all of it is in doubt",
        [
            (
                "src/ledger/embedded/settle.rs",
                "lane.failures.checked_sub(BREAKER_FAILURES)",
                "lane.failures.checked_sub(BREAKER_FAILURES + 1_000)",
            )
        ],
        ["--test it once::a_lane_that_keeps_failing"],
    ),
    Mutant(
        "refused-token-tried-on",
        "a platform that refuses a token is asked with it until it bans the account",
        [
            (
                "src/ledger/embedded/settle.rs",
                "DeferCause::Credentials, reason, .. } => {\n            lane.stopped = Some(reason.clone());",
                "DeferCause::Credentials, reason, .. } => {\n            lane.rests_until = None;\n"
                "            drop(reason.clone());",
            )
        ],
        ["--test it incidents::backlog::k4"],
    ),
    Mutant(
        "stop-all-unheard",
        "a person who sees a flood says stop, and it goes on",
        [
            (
                "src/ledger/embedded/claim.rs",
                'self.tables.meta::<String>("stop")? {',
                'self.tables.meta::<String>("stop")?.filter(String::is_empty) {',
            )
        ],
        ["--test it ledger::a_file_named_stop"],
    ),
    Mutant(
        "stop-file-unseen",
        "a daemon that hangs cannot be told to stop",
        [
            (
                "src/ledger/embedded/claim.rs",
                "            Ok(None) => Ok(None),\n            Ok(Some(_)) => Ok(Some(format!",
                "            Ok(None) => Ok(None),\n            Ok(Some(0..=999)) => Ok(None),\n"
                "            Ok(Some(_)) => Ok(Some(format!",
            )
        ],
        ["--test it ledger::a_file_named_stop"],
    ),
    Mutant(
        "untrusted-and-sends",
        "an old copy of the ledger sends again what came after it",
        [
            (
                "src/ledger/embedded/claim.rs",
                "if let Trust::Observes { why, mend } = &self.core.trust {",
                "if let Trust::Observes { why, mend } = &self.core.trust\n"
                "            && why.is_empty()\n        {",
            )
        ],
        ["--test it ledger::a_restored_backup"],
    ),
    Mutant(
        "falls-over-and-sends",
        "a post whose answer fells the daemon is sent at every start",
        [
            (
                "src/ledger/embedded/starts.rs",
                "                starts.observes = Some(self.now);\n",
                "                starts.observes = None;\n",
            )
        ],
        ["--test it service::a_daemon_that_falls_over"],
    ),
    Mutant(
        "full-disk-and-sends",
        "what became of a post cannot be noted, and it is sent again",
        [
            (
                "src/ledger/embedded/claim.rs",
                "Ok(free) => (free < ROOM_MIN).then(",
                "Ok(free) => (free < ROOM_MIN >> 1).then(",
            )
        ],
        ["--test it walls::nothing_is_sent_where_there_is_no_room"],
    ),
    Mutant(
        "old-permit-used",
        "a laptop that wakes up sends what was true when it fell asleep",
        [("src/wire/mod.rs", "(age > PERMIT_AGE_MAX)", "(age > PERMIT_AGE_MAX * 1_000)")],
        ["--test it walls::a_permit_that_has_grown_old"],
    ),
    Mutant(
        "two-in-flight",
        "a platform that does not answer is sent one post after the other",
        [
            (
                "src/daemon/workers.rs",
                "            let lane = lane_of(config, integration, parts);\n"
                "            tasks.spawn(dispatch::work(lane, stop.clone()));\n",
                "            for _ in 0..2 {\n"
                "                let lane = lane_of(config, integration, parts);\n"
                "                tasks.spawn(dispatch::work(lane, stop.clone()));\n            }\n",
            )
        ],
        ["--test it walls::while_one_post_has_no_answer"],
    ),
    Mutant(
        "fuse-bridged",
        "every other wall is broken, and nothing ends the flood",
        [("src/wire/fuse.rs", "        std::process::abort();\n", "")],
        ["--test it walls::the_fuse"],
    ),
    Mutant(
        "change-without-a-name",
        "an edit makes a second post beside the first",
        [
            (
                "src/ledger/embedded/amend.rs",
                "        if !names(&request, &receipt.reference) {\n",
                "        if !names(&request, &receipt.reference) && tries > TRIES_MAX {\n",
            )
        ],
        ["--lib embedded::tests::upkeep::a_change_whose_call_names_no_post"],
    ),
    Mutant(
        "edits-without-measure",
        "another template of the blog has all posts edited in a night",
        [
            (
                "src/ledger/embedded/upkeep.rs",
                "            let words = format!(\"feed {feed}: {count} entries that are out have changed at once\");\n"
                "            self.house(\"edits-held\", \"daemon\", &words)?;\n"
                "            return Ok(count);\n",
                "",
            )
        ],
        ["--lib embedded::tests::upkeep::many_that_change_at_once"],
    ),
    Mutant(
        "unseen-is-absent",
        "what another tool has posted and the platform did not show is posted again",
        [
            (
                "src/flow/preflight.rs",
                "            return self.troubled(unseen(&why), None).await;\n        };\n        let found",
                "            tracing::warn!(%why);\n            return Ok(Ok(()));\n        };\n        let found",
            )
        ],
        ["--test it conformance::preflight::what_cannot_be_seen"],
    ),
    Mutant(
        "one-look-deletes",
        "a page that was gone for a moment takes its posts with it",
        [("src/ledger/embedded/upkeep.rs", "const LOOKS: usize = 3;", "const LOOKS: usize = 1;")],
        ["--test it conformance::vanished::what_comes_back_in_time_stays"],
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


def borrowed(target, to):
    """What the caller has built of other people's crates, so that it is not built again."""
    own = ("oncecast", "liboncecast", "it-", "feeds-", "real-", "proof-", "kills-", "costs-")

    def mine(folder, names):
        # By time stamps cargo knows what is fresh; they are copied.
        return [name for name in names if name == "incremental" or name.startswith(own)]

    def carried(source, to):
        # What is large is never written to once it is built.
        if source.endswith((".rlib", ".rmeta", ".so", ".a")):
            os.link(source, to)
        else:
            shutil.copy2(source, to)

    built = target / "debug"
    if built.is_dir():
        shutil.copytree(
            built, to / "debug", ignore=mine, symlinks=True, dirs_exist_ok=True, copy_function=carried
        )


class Ended(Exception):
    """Somebody wants no more of it."""


class Children:
    """What runs, each in a group of its own, which ends with it: tests start daemons, and one that never ends
    must leave none behind."""

    def __init__(self):
        self.lock, self.running, self.ended = threading.Lock(), set(), False

    def told(self, words, tree, environment, limit=None):
        """Runs it. Gives its code, or None where it passed the limit, and what it said."""
        with self.lock:
            if self.ended:
                raise Ended
            child = subprocess.Popen(
                words,
                cwd=tree,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self.running.add(child.pid)
        try:
            said, _ = child.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            return None, "it never ended"
        finally:
            with self.lock:
                self.running.discard(child.pid)
                killed(child.pid)
            child.wait()
        if self.ended:
            raise Ended
        return child.returncode, said

    def end(self):
        with self.lock:
            self.ended = True
            for group in self.running:
                killed(group)


def killed(group):
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Bench:
    """A copy of the tree with a target folder of its own, and what is tried in it."""

    def __init__(self, children, tree, target, environment):
        self.children, self.tree, self.target = children, tree, target
        self.environment = {**environment, "CARGO_TARGET_DIR": str(target)}

    def prepare(self, callers):
        copied(self.tree)
        borrowed(callers, self.target)

    def ran(self, test):
        """Whether the tests pass; None where they do not build."""
        cargo = ["cargo", "test", "--locked", "--quiet", *words_of(test)]
        code, said = self.children.told([*cargo, "--no-run"], self.tree, self.environment)
        if code != 0:
            return None, said
        code, said = self.children.told(cargo, self.tree, self.environment, LIMIT)
        if code is None:
            return False, said
        ran_any = any("test result" in line and " 0 passed; 0 failed" not in line for line in said.splitlines())
        return (code == 0 if ran_any else None), said

    def killer(self, mutant):
        """The test that notices it, if one does."""
        kept = {}
        try:
            for name, before, after in mutant.edits:
                path = self.tree / name
                text = path.read_text()
                kept.setdefault(path, text)
                if text.count(before) != 1:
                    raise Wrong(f"{mutant.name}: {name} has {text.count(before)} places like\n{before}")
                path.write_text(text.replace(before, after))
            for test in mutant.tests:
                passed, said = self.ran(test)
                if passed is None:
                    raise Wrong(f"{mutant.name} does not build, or {test} finds no test:\n{said[-3000:]}")
                if not passed:
                    return test
        finally:
            for path, text in kept.items():
                path.write_text(text)
        return None


class Wrong(Exception):
    """Something that proves nothing."""


def words_of(test):
    """Cargo's words for one filter: the target, then the filter."""
    *target, wanted = test.split()
    return [*target, wanted]


def work(bench, callers, tests, mutants, said):
    """Takes from both lists until they are empty, or something is wrong."""
    try:
        bench.prepare(callers)
        # Each test passes on the tree as it is, or its failure would prove nothing.
        for test in tests:
            passed, words = bench.ran(test)
            if not passed:
                raise Wrong(f"{test} does not pass without any mutant:\n{words[-3000:]}")
        for mutant in mutants:
            began = time.monotonic()
            killer = bench.killer(mutant)
            said.put((mutant, killer, time.monotonic() - began))
        said.put(None)
    except Exception as error:
        said.put(error)


class Shared:
    """A list from which several take, each what nobody has taken yet."""

    def __init__(self, things):
        self.lock, self.things = threading.Lock(), iter(things)

    def __iter__(self):
        return self

    def __next__(self):
        with self.lock:
            return next(self.things)


def tried(mutants, benches, callers, children):
    """Tries all of them, and gives those that survive."""
    tests = Shared(sorted({test for mutant in mutants for test in mutant.tests}))
    left, said, survivors = Shared(mutants), queue.Queue(), []
    threads = [
        threading.Thread(target=work, args=(bench, callers, tests, left, said), daemon=True) for bench in benches
    ]
    for thread in threads:
        thread.start()
    working, number = len(threads), 0
    try:
        while working:
            told = said.get()
            if isinstance(told, Exception):
                raise told
            if told is None:
                working -= 1
                continue
            mutant, killer, seconds = told
            number += 1
            verdict = f"killed by {killer}" if killer else f"SURVIVES: {mutant.readers}"
            print(f"{number:2}/{len(mutants)}  {mutant.name}  {verdict}  ({seconds:.0f} s)", flush=True)
            if not killer:
                survivors.append(mutant.name)
    finally:
        # Nothing runs any more when the folders are taken away.
        children.end()
        for thread in threads:
            thread.join()
    return survivors


def main():
    # Ended from outside, it ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    wanted = sys.argv[1:]
    unknown = [name for name in wanted if name not in {mutant.name for mutant in MUTANTS}]
    if unknown:
        sys.exit(f"there is no mutant {', '.join(unknown)}; there are {', '.join(m.name for m in MUTANTS)}")
    mutants = [mutant for mutant in MUTANTS if not wanted or mutant.name in wanted]
    environment = {**os.environ, "CARGO_INCREMENTAL": "1", "RUST_BACKTRACE": "0"}
    callers = Path(environment.get("CARGO_TARGET_DIR", ROOT / "target"))
    callers.mkdir(parents=True, exist_ok=True)
    children = Children()
    with contextlib.ExitStack() as folders:
        folder = lambda **words: Path(folders.enter_context(tempfile.TemporaryDirectory(**words)))
        benches = [
            Bench(children, folder(prefix="oncecast-mutants-"), folder(prefix="mutants-", dir=callers), environment)
            for _ in range(min(WORKERS, len(mutants)))
        ]
        try:
            survivors = tried(mutants, benches, callers, children)
        except Wrong as wrong:
            sys.exit(str(wrong))
    print(f"{len(mutants) - len(survivors)} of {len(mutants)} mutants killed")
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
