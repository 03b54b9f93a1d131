//! The table of all incidents, and the check that none of them is forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Who keeps an incident from happening here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// The tests that bear its id.
    Test,
    /// They do, and what is then held or in doubt is left to a person: what the person does.
    Person(&'static str),
}

use By::{Person, Test};

const DISMISS: &str = "withdraw what is held and was told before; release what is new";
const LOOK: &str = "look there, then resolve";

/// Each incident: its id, what readers suffered and why, and who keeps it from happening here.
const ROWS: &[(&str, &str, By)] = &[
    (
        "A1",
        "a restart on an empty disk sent everything ever posted",
        Person("ledger init, or a backup"),
    ),
    ("A2", "what was seen stood in memory: each restart told it all again", Test),
    ("A3", "what was seen was lost with each deployment", Test),
    ("A4", "an empty store meant that everything was new", Test),
    ("A5", "an old copy of the state came out of a cache", Person("ledger adopt-restored")),
    ("A6", "what a failed fetch did not show was forgotten, and new again", Test),
    ("A7", "the list of what was seen held a thousand items of a longer feed", Test),
    ("A8", "one short list was shared by many feeds", Test),
    ("A9", "a hundred ids were kept, and older posts came back", Test),
    ("A10", "the newest date stood in memory", Test),
    ("B1", "each build of the site made new guids", Test),
    ("B2", "an underscore in the permalink became a slash", Person(DISMISS)),
    ("B3", "a push said http and the feed https", Test),
    ("B4", "the site moved to https and all guids with it", Test),
    ("B5", "the blog moved to another system: 230 old posts", Person(DISMISS)),
    ("B6", "the title was mended, and the guid was made of it", Person(DISMISS)),
    ("B7", "the same posts under two hosts, by turns", Test),
    ("B8", "the feed gave other guids at each fetch", Test),
    ("B9", "one address written in three ways was three posts", Test),
    ("C1", "the id was a hash of the text, and the text was edited", Test),
    ("C2", "without a guid the content was taken before the link", Test),
    ("C3", "the id was a hash of the whole item", Test),
    (
        "C4",
        "items without any key came with each fetch",
        Person("release what has no key of its own"),
    ),
    ("C5", "posts that shared a link were taken for one and lost", Person(DISMISS)),
    ("C6", "one article each hour, for a reason never found", Test),
    ("D1", "a cut-off at a date, taken from the wrong item or from none", Test),
    ("D2", "a mended typo moved the date past the cut-off", Test),
    ("D3", "the date was edited after the post was told", Test),
    ("D4", "the feed moved dates by itself", Test),
    ("D5", "one story re-dated for hours: 2,100 posts", Test),
    ("D6", "each upload of the feed gave new dates", Test),
    ("D7", "an entry four times, by its date", Test),
    ("D8", "late posts were dated before the last look and lost", Person("release the very late")),
    ("E1", "a tool for broken links saved 20 old stories, and saving was publishing", Test),
    ("E2", "an edit of a post from before the tool would have told it", Test),
    ("E3", "an update told the post again", Test),
    ("E4", "the count of comments changed, and the item with it", Test),
    ("E5", "a post deleted and redrafted at once was told twice", Person(DISMISS)),
    ("F1", "an item was removed and a year-old one slid into the window", Person(DISMISS)),
    ("F2", "new was what the last document had not shown", Test),
    ("F3", "a deletion moved the window", Test),
    ("F4", "the item that was the cursor was deleted", Test),
    ("G1", "a task after the sending failed, and the sending was tried again with it", Test),
    ("G2", "it stayed in the queue after it was sent", Person(LOOK)),
    ("G3", "a thousand copies: taken by the server, an error at the client", Person(LOOK)),
    ("G4", "what was delivered was noted after the whole list", Test),
    ("G5", "the state was saved after the loop, and one bad item ended it", Test),
    ("G6", "sixteen repeats in four hours, for a reason never told", Test),
    ("H1", "a 504 before the server had noted the key", Person(LOOK)),
    ("H2", "a library sent again after 30 s what took 222 s", Test),
    ("H3", "a timeout was taken for a failure before sending", Test),
    ("H4", "two layers tried again, one above the other: nine copies", Test),
    ("H5", "a timeout shorter than the work behind it", Person(LOOK)),
    ("H6", "shown as failed though it was out, and sent again by hand", Person(LOOK)),
    ("H7", "an error that said nothing ran the publishing again", Person(LOOK)),
    ("H8", "one target failed, and all were told again", Test),
    ("H9", "each tap on retry was a post", Test),
    ("I1", "two runs, and the mark was set after the upload", Test),
    ("I2", "the editor saved twice; there is no hook here, only polls", Test),
    ("I3", "a run began while the one before was under way", Test),
    ("I4", "each page load polled, and they raced", Test),
    ("I5", "overlapping runs copied every message", Test),
    ("I6", "the mark was looked at and then set", Test),
    ("I7", "the old server was left running", Person("end one, then ledger adopt-restored")),
    ("I8", "four scans at once told one thing four times", Test),
    ("I9", "a forgotten process went on beside the new one", Test),
    ("J1", "items of months ago were told when a feed was added", Test),
    ("J2", "a new tool told again what the old one had told", Person("end the old tool before")),
    ("J3", "forty posts were in the queue next morning", Test),
    ("J4", "the archive dripped out two by two", Test),
    ("K1", "ten posts within minutes after an outage", Test),
    ("K2", "twenty items at once", Test),
    ("K3", "the account was banned for too many posts", Test),
    ("K4", "a login at each run, and each refusal tried again", Test),
    ("K5", "another tool carried the posts back into the blog", Test),
    ("K6", "two thousand mails that went on after the end", Person("stop")),
    ("L1", "a failed read of the database was taken for \"not seen\"", Test),
    ("L2", "what was sent was noted afterwards, and the note failed", Test),
    ("L3", "a broken database told one story again and again", Person("a backup")),
    ("L4", "caches served old and new feeds by turns", Test),
    (
        "L5",
        "a post that was deleted was published all the same",
        Person("withdraw, once it has settled"),
    ),
    ("L6", "what was owed was only in memory when the process ended", Test),
    ("L7", "success was reported and nothing was there", Test),
];

/// How many incidents each letter has.
const LETTERS: [(char, u32); 12] = [
    ('A', 10),
    ('B', 9),
    ('C', 6),
    ('D', 8),
    ('E', 5),
    ('F', 4),
    ('G', 6),
    ('H', 9),
    ('I', 9),
    ('J', 4),
    ('K', 6),
    ('L', 7),
];

/// What other tools' code does that must never be done here; each has a test of its own or of an incident.
const TRAPS: [(&str, &str); 12] = [
    ("retry layers over one another", "trap_stacked_retries"),
    ("a POST sent again after a 500", "trap_a_post_sent_again_after_http_500"),
    ("state saved once, after the loop", "trap_state_saved_once"),
    ("newness by a single cursor", "trap_newness_by_a_single_cursor"),
    ("the kind of id chosen anew at each fetch", "trap_the_kind_of_id"),
    ("the body of a push taken for identity", "trap_a_push_whose_ids"),
    ("a key that is forgotten before the last retry", "trap_a_key_that_is_forgotten"),
    ("a client library that repeats POSTs", "a_client_that_replays"),
    ("a claim by looking and then setting", "i1_i6_i8"),
    ("a replay that resets the row", "trap_a_replay_that_erases"),
    ("a list of what was seen that has an end", "a7_a8_a9"),
    ("a database error read as not seen", "l1_a_memory"),
];

/// The names of all tests of this folder.
fn tests() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/incidents");
    let mut names = BTreeSet::new();
    for item in std::fs::read_dir(folder).expect("readable") {
        let text = std::fs::read_to_string(item.expect("readable").path()).expect("readable");
        let mut is_test = false;
        for line in text.lines() {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
                let name = rest.split('(').next().unwrap_or_default();
                assert!(names.insert(name.to_owned()), "two tests are named {name}");
                is_test = false;
            }
        }
    }
    names
}

/// The ids at the start of a test's name.
fn ids(name: &str) -> impl Iterator<Item = String> {
    let is_id = |word: &&str| {
        let (letter, number) = word.split_at(1);
        letter.chars().all(|c| ('a'..='l').contains(&c)) && number.parse::<u32>().is_ok()
    };
    name.split('_').filter(|word| !word.is_empty()).take_while(is_id).map(str::to_uppercase)
}

#[test]
fn no_incident_is_forgotten() {
    let wanted: BTreeSet<String> =
        LETTERS.iter().flat_map(|(c, n)| (1..=*n).map(move |n| format!("{c}{n}"))).collect();
    assert_eq!(wanted.len(), 83);
    let told: BTreeMap<&str, By> = ROWS.iter().map(|(id, _, by)| (*id, *by)).collect();
    assert_eq!(told.len(), ROWS.len(), "a row stands there twice");
    let tests = tests();
    let borne: BTreeSet<String> = tests.iter().flat_map(|name| ids(name)).collect();
    for id in &wanted {
        assert!(told.contains_key(id.as_str()), "{id} is not in the table");
        assert!(borne.contains(id), "no test bears {id}");
    }
    for id in told.keys().copied().chain(borne.iter().map(String::as_str)) {
        assert!(wanted.contains(id), "{id} is no incident");
    }
    for (id, story, by) in ROWS {
        let asked = match by {
            Test => "nothing",
            Person(what) => what,
        };
        assert!(story.len() > 15 && !asked.is_empty(), "{id}");
    }
}

#[test]
fn no_trap_is_forgotten() {
    let tests = tests();
    for (trap, name) in TRAPS {
        assert!(tests.iter().any(|test| test.contains(name)), "no test against {trap}: {name}");
    }
}
