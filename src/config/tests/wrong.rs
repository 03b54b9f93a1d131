//! Bad files: each fault is told with its line, its key, what may stand there and the fix.

use super::{FILE, TEN_LINES, read, told};

/// The ten lines with one line exchanged, or with lines after them.
fn with(line: &str, other: &str) -> String {
    assert!(TEN_LINES.contains(line), "{line}");
    TEN_LINES.replacen(line, other, 1)
}

fn after(more: &str) -> String {
    format!("{TEN_LINES}{more}")
}

/// Each text has exactly one fault, told in these parts, in this order.
fn one_fault_each(cases: &[(String, &[&str])]) {
    for (text, parts) in cases {
        let told = told(text);
        assert!(told.ends_with(&format!("\n1 error in {FILE}")), "{told}");
        let mut rest = told.strip_prefix(&format!("{FILE}:")).unwrap();
        for part in *parts {
            let Some(at) = rest.find(part) else { panic!("{part:?} is missing in: {told}") };
            rest = &rest[at + part.len()..];
        }
        assert!(told.contains("= fix: "), "{told}");
    }
}

#[test]
fn a_fault_is_shown_as_people_read_it() {
    assert_eq!(
        told(&after("[guard]\nsettle = \"5x\"\n")),
        "/etc/oncecast/oncecast.toml:13:10: settle of [guard]: \"5x\" is not a duration\n   |\n\
         13 | settle = \"5x\"\n   |          ^^^^\n   \
         = allowed: \"0s\" to \"7d\", in the units ms, s, m, h, d, w, such as \"2h30m\"\n   \
         = fix: write, for example, settle = \"10m\"\n\n\
         1 error in /etc/oncecast/oncecast.toml"
    );
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_their_lines() {
    let told = told(
        "[guard]\nbrust = 3\n[[group]]\nname = \"A\"\nfeed = 1\n[serve]\nlisten = \"x\"\n\
         [[feed]]\nevery = \"0s\"",
    );
    let heads: Vec<&str> = told
        .lines()
        .filter_map(|line| line.strip_prefix(FILE)?.strip_prefix(':'))
        .map(|line| line.split(": ").take(2).last().unwrap())
        .collect();
    assert_eq!(
        heads,
        [
            "brust of [guard]",
            "integration of [[group]] number 1",
            "name of [[group]] number 1",
            "feed of [[group]] number 1",
            "listen of [serve]",
            "name of [[feed]] number 1",
            "url of [[feed]] number 1",
            "every of [[feed]] number 1",
            "[[integration]]",
        ],
        "{told}"
    );
    assert!(told.ends_with("\n9 errors in /etc/oncecast/oncecast.toml"));
}

#[test]
fn what_is_not_toml_is_told_line_by_line() {
    one_fault_each(&[
        (
            after("[guard\nburst = 3"),
            &["12:7: the line: this is not TOML: unclosed", "12 | [guard"],
        ),
        (
            after("[guard]\nsettle = 10m"),
            &["13:10: settle of [guard]: ", "must be quoted", "settle = 10m", "^^^", "quotes"],
        ),
        (
            after("[guard]\nburst = 3\nburst = 4"),
            &["14:1: burst of [guard]: ", "duplicate key", "fix: delete one of the two"],
        ),
        (after("[guard]\nburst = = 3"), &["13:9: burst of [guard]: ", "burst = ..."]),
        (with("token = {", "token = "), &["8:21: token of [[integration]]: ", "token = ..."]),
        (after("feeds = [\"blog\""), &["12:16: feeds of [[group]]: ", "unclosed array"]),
    ]);
    let told = told("a = = 1\n[guard]\nburst = 1 2 3\nsettle = 1m");
    assert!(told.contains(":1:5: ") && told.contains(":3:9: ") && told.contains(":4:10: "));
    assert!(told.ends_with("\n3 errors in /etc/oncecast/oncecast.toml"), "{told}");
}

#[test]
fn an_empty_config_says_what_to_add() {
    let told = told("# nothing yet\n");
    for part in ["add a [[feed]]", "add a [[integration]]", "add a [[group]]", "\n3 errors in"] {
        assert!(told.contains(part), "{part:?} is missing in: {told}");
    }
}

#[test]
fn a_thousand_faults_do_not_flood_the_terminal() {
    let text: String = (0..1000).map(|n| format!("key{n} = 1\n")).collect();
    let told = told(&text);
    assert!(told.contains("\n... and 953 more\n1003 errors in"), "{told}");
    assert_eq!(told.matches("= fix:").count(), 50);
}

#[test]
fn unknown_keys_suggest_the_one_that_was_meant() {
    one_fault_each(&[
        (
            after("[guard]\nbrust = 3"),
            &[
                "13:1: brust of [guard]",
                "did you mean burst?",
                "13 | brust = ...",
                "| ^^^^^\n",
                "allowed: settle, burst, share, max_age",
                "fix: write burst",
            ],
        ),
        (
            with("url = \"https://m", "instance = 1\nurl = \"https://m"),
            &["7:1: instance of [[integration]] \"fedi\"", "did you mean url?"],
        ),
        (
            after("[[groups]]\nname = \"x\""),
            &["12:3: [[groups]]", "no such table; did you mean group?", "[[groups]]\n", "^^^^^^"],
        ),
        (
            with("kind", "pace = { evry = \"1s\" }\nkind"),
            &[
                "6:10: pace.evry of [[integration]] \"fedi\"",
                "did you mean every?",
                "allowed: every, burst",
            ],
        ),
        (
            with("kind", "caps = { per_week = 1 }\nkind"),
            &["caps.per_week", "no such key", "allowed: per_10m, per_hour, per_day"],
        ),
        (
            with("url = \"https://e", "burst = 3\nurl = \"https://e"),
            &["3:1: burst of [[feed]] \"blog\": this key belongs to [guard]", "fix: move it"],
        ),
        (after("zzz = 1"), &["12:1: zzz of [[group]] \"followers\"", "no such key", "delete it"]),
        (format!("zzz = 1\n{TEN_LINES}"), &["1:1: zzz of the file", "no such key"]),
        (after("[zzz]"), &["12:2: [zzz]: there is no such table"]),
        (after("[ledger]\n\"pa th\" = 1"), &["13:1: a key of [ledger]", "did you mean path?"]),
    ]);
    let misspelt = TEN_LINES.replace("[[feed]]", "[[feeds]]");
    assert!(told(&misspelt).ends_with("\n1 error in /etc/oncecast/oncecast.toml"));
}

#[test]
fn missing_keys_come_with_the_line_to_add() {
    one_fault_each(&[
        (
            with("name = \"blog\"\n", ""),
            &[
                "1:1: name of [[feed]] number 1: the key is missing",
                "[[feed]]",
                "^^^^^^^^",
                "fix: add a line name = \"blog\"",
            ],
        ),
        (with("url = \"https://example.org/feed/\"\n", ""), &["1:1: url of [[feed]] \"blog\""]),
        (with("kind = \"mastodon\"\n", ""), &["4:1: kind of", "webhook, mastodon, bluesky, m"]),
        (with("url = \"https://mastodon.example\"\n", ""), &["4:1: url of", "add a line url"]),
        (
            with("token = { credential = \"fedi-token\" }\n", ""),
            &[
                "4:1: token of [[integration]] \"fedi\"",
                "{ env = \"NAME\" }",
                "add a line token = { credential = \"my-token\" }",
            ],
        ),
        (with("integration = \"fedi\"\n", ""), &["9:1: integration of [[group]] \"followers\""]),
    ]);
}

#[test]
fn values_out_of_bounds_are_told_with_their_bounds() {
    let guard = |line: &str| after(&format!("[guard]\n{line}"));
    let serve = |line: &str| after(&format!("[serve]\n{line}"));
    let of_feed = |line: &str| with("url = \"https://e", &format!("{line}\nurl = \"https://e"));
    let of_login = |line: &str| with("kind", &format!("{line}\nkind"));
    one_fault_each(&[
        (
            guard("settle = 10"),
            &["10 is a whole number", "fix: write, for example, settle = \"10m\""],
        ),
        (guard("settle = \"10\""), &["\"10\" has no unit"]),
        (guard("settle = \"1h1h\""), &["units out of order"]),
        (guard("settle = \"8d\""), &["\"8d\" is too large", "\"0s\" to \"7d\""]),
        (guard("settle = \"7d\""), &["max_age (7d) is not longer than settle (7d)"]),
        (guard("max_age = \"9m\""), &["max_age of [guard]", "max_age (9m)", "fix: write a longer"]),
        (guard("burst = 0"), &["0 is too small", "from 1 to 1000000"]),
        (guard("burst = -3"), &["-3 is too small"]),
        (guard("burst = 99999999999999999999"), &["is too large"]),
        (guard("burst = 0x7fffffff"), &["0x7fffffff is too large"]),
        (guard("burst = 2.5"), &["2.5 is a fraction"]),
        (guard("share = 0"), &["0 is out of range", "greater than 0, up to 1.0"]),
        (guard("share = 1.01"), &["1.01 is out of range"]),
        (guard("share = nan"), &["nan is out of range"]),
        (guard("share = \"half\""), &["\"half\" is a string"]),
        (of_feed("every = \"999ms\""), &["3:9: every of [[feed]] \"blog\"", "\"1s\" to \"30d\""]),
        (of_feed("every = \"31d\""), &["too large"]),
        (of_login("timeout = \"4s\""), &["the value is too small", "\"5s\" to \"15m\""]),
        (of_login("timeout = \"16m\""), &["the value is too large"]),
        (of_login("doubt_after = \"0s\""), &["the value is too small"]),
        (of_login("pace = { every = \"25h\" }"), &["pace.every", "\"0s\" to \"1d\""]),
        (of_login("pace = { burst = 0 }"), &["pace.burst", "from 1 to 1000"]),
        (of_login("pace = \"2m\""), &["pace of", "write, for example, pace = { every"]),
        (of_login("caps = { per_10m = 0 }"), &["caps.per_10m of", "too small"]),
        (
            of_login("caps = { per_10m = 7, per_hour = 6 }"),
            &[
                "6:20: caps.per_10m of",
                "per_10m is 7, more than per_hour, which is 6",
                "fix: write per_10m = 6, or raise per_hour to 7",
            ],
        ),
        (of_login("caps = { per_hour = 7, per_day = 6 }"), &["per_hour is 7, more than per_day"]),
        (of_login("caps = { per_10m = 7, per_day = 6 }"), &["per_10m is 7, more than per_day"]),
        (serve("listen = \"0.0.0.0:80\""), &["can be reached from other machines", "allow_remote"]),
        (serve("listen = \"localhost:80\""), &["is a name", "listen = \"127.0.0.1:8787\""]),
        (serve("listen = \"127.0.0.1\""), &["not an IP address with a port"]),
        (serve("allow_remote = \"yes\""), &["\"yes\" is a string", "true or false"]),
        (serve(&format!("control = \"/{}\"", "x".repeat(107))), &["108 bytes long, at most 107"]),
        (after("[ledger]\npath = \"\""), &["\"\" is empty"]),
        (after("[ledger]\npath = \"a\\nb\""), &["line break or a control character"]),
        (format!("ledger = 3\n{TEN_LINES}"), &["1:10: [ledger]", "write it once, as [ledger]"]),
        (after("[[guard]]"), &["12:1: [guard]", "write it once, as [guard]"]),
        (with("[[feed]]", "[feed]"), &["1:1: [feed]", "[[feed]] with double brackets"]),
        (
            TEN_LINES[TEN_LINES.find("[[i").unwrap()..].replace("[[i", "feed = [1]\n[[i"),
            &["1:9: [[feed]]", "start each feed with a line [[feed]]"],
        ),
    ]);
    assert_eq!(read(&serve("listen = \"[::]:0\"\nallow_remote = true")).unwrap().warnings.len(), 0);
}

#[test]
fn names_and_references_hold_together() {
    one_fault_each(&[
        (with("\"blog\"", "\"My Blog\""), &["2:8: name of [[feed]] number 1", "is not a name"]),
        (with("\"blog\"", "\"_blog\""), &["\"_blog\" is not a name"]),
        (with("\"blog\"", "\"\""), &["is empty"]),
        (with("\"blog\"", &format!("\"{}\"", "x".repeat(65))), &["too long for a name"]),
        (
            after("[[feed]]\nname = \"blog\"\nurl = \"./x.xml\""),
            &["13:8: name of [[feed]] \"blog\"", "line 1 has the same name"],
        ),
        (
            with("integration = \"fedi\"", "integration = \"fedy\""),
            &[
                "11:15: integration of [[group]] \"followers\"",
                "no integration named \"fedy\"",
                "did you mean \"fedi\"?",
                "allowed: fedi",
            ],
        ),
        (after("feeds = [\"blogg\"]"), &["12:10: feeds of", "no feed named", "\"blog\"?"]),
        (after("feeds = []"), &["the list is empty"]),
        (after("feeds = \"blog\""), &["\"blog\" is a string", "feeds = [\"blog\"]"]),
        (after("feeds = [1]"), &["1 is a whole number"]),
        (after("feeds = [\"blog\", \"blog\"]"), &["12:18: feeds of", "named twice"]),
    ]);
}

#[test]
fn the_keys_of_another_kind_are_told_as_such() {
    one_fault_each(&[
        (
            with("kind", "identifier = \"x\"\nkind"),
            &[
                "6:14: identifier of",
                "belongs to kind = \"bluesky\", not to \"mastodon\"",
                "\"mastodon\" has token of its own",
            ],
        ),
        (
            with("kind", "password = { env = \"X\" }\nkind"),
            &["belongs to kind = \"bluesky\" or \"matrix\""],
        ),
        (with("mastodon\"", "mastdon\""), &["6:8: kind of", "did you mean \"mastodon\"?"]),
        (with("mastodon\"", "twitter\""), &["kind of", "none of them\n"]),
        (after("room = \"!x:y\""), &["12:8: room of", "kind \"matrix\"", "kind \"mastodon\""]),
        (after("visibility = \"direct\""), &["reaches only those whom it names", "unlisted"]),
        (
            after("visibility = \"publik\""),
            &["\"publik\" is none of them; did you mean \"public\"?"],
        ),
        (after("language = \"english\""), &["\"english\" is not a language tag"]),
        (after("template = \"  \""), &["is empty"]),
        (after(&format!("template = \"{}\"", "x".repeat(16_385))), &["16385 bytes long"]),
    ]);
}
