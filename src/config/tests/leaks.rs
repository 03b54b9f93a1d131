//! A login that someone reads in a log or a bug report posts in the blogger's name: no message ever
//! has a secret in it, wherever it was written by mistake.

use std::path::Path;

use proptest::prelude::*;

use super::super::keys::{TABLES, integration};
use super::super::{Config, Secrets};
use super::{FILE, TEN_LINES, bare, read};

/// No valid name, no duration, no address: nothing that may be repeated.
const SECRET: &str = "S3cret-Zx81/hunter2";

/// All that is said about a text.
fn said(text: &str) -> String {
    match read(text) {
        Err(error) => format!("{error}\n{error:?}"),
        Ok(config) => format!("{:?}\n{config:?}", config.warnings),
    }
}

fn assert_kept(text: &str) {
    let said = said(text);
    assert!(!said.contains(SECRET), "{said}");
}

/// Ways to write a key with a secret, well-formed and not.
fn lines(key: &str) -> Vec<String> {
    vec![
        format!("{key} = \"{SECRET}\""),
        format!("{key} = '{SECRET}'"),
        format!("{key} = {SECRET}"),
        format!("{key} = \"{SECRET}"),
        format!("{key} {SECRET}"),
        format!("{key} = \"\"\"\n{SECRET}\"\"\""),
        format!("{key} = \"\"\"\n{SECRET}==\n"),
        format!("{key} = [\"{SECRET}\"]"),
        format!("{key} = [\n\"{SECRET}\"\n]"),
        format!("{key} = {{ \"{SECRET}\" = 1 }}"),
        format!("{key} = {{ value = \"{SECRET}\" }}"),
        format!("{key} = {{ env = \"{SECRET}\" }}"),
        format!("{key} = {{ credential = \"{SECRET}\" }}"),
        format!("{key} = {{ env = \"A\", file = \"{SECRET}\" }}"),
        format!("{key}.literal = \"{SECRET}\""),
        format!("{key} = \"https://me:{SECRET}@example.org\""),
        format!("{key} = \"https://example.org/#{SECRET}\""),
        format!("{key} = \"https://me:{SECRET}@b\\n\""),
        format!("{key} = \"{SECRET}\" {key} = 1"),
        format!("{key} = \"a\\q{SECRET}\""),
    ]
}

#[test]
fn a_secret_in_any_key_of_an_integration_is_never_told() {
    let own = [
        "tokn",
        "passwd",
        "access_token",
        "app_password",
        "api-key",
        "Token",
        "pace",
        "caps",
        "pace.every",
        "caps.per_day",
    ];
    for key in integration::ALL.iter().copied().chain(own) {
        for line in lines(key) {
            assert_kept(&TEN_LINES.replacen("kind = \"mastodon\"", &line, 1));
            assert_kept(&TEN_LINES.replacen("token", &format!("{line}\ntoken"), 1));
            assert_kept(&format!("{TEN_LINES}[[integration]]\n{line}\n"));
        }
    }
}

#[test]
fn a_secret_that_strayed_into_another_table_is_never_told() {
    let headers = TABLES.iter().map(|(_, header, _)| *header);
    for header in headers.chain(["[[groups]]", "[[integrations]]", "[secrets]", "# top"]) {
        for key in ["token", "password", "secret", "tokn", "url", "access_token", "x"] {
            for line in lines(key) {
                assert_kept(&format!("{TEN_LINES}{header}\n{line}\n"));
                assert_kept(&format!("{header}\n{line}\n{TEN_LINES}"));
            }
        }
    }
}

#[test]
fn a_secret_that_was_fetched_is_never_told() {
    let env = |name: &str| (name == "HOOK").then(|| SECRET.into());
    let hook = "[[integration]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"https://a/b\"\n\
                secret = { env = \"HOOK\" }\n";
    let text = format!("{TEN_LINES}{hook}");
    let error = Config::parse(&text, Path::new(FILE), Secrets::Resolve, &env).unwrap_err();
    let told = format!("{error}\n{error:?}");
    assert!(told.contains("HOOK is not a signing secret"), "{told}");
    assert!(!told.contains(SECRET), "{told}");
    let text = TEN_LINES.replace("credential = \"fedi-token\"", "env = \"HOOK\"");
    let config = Config::parse(&text, Path::new(FILE), Secrets::Resolve, &env).unwrap();
    assert!(!format!("{config:?}").contains(SECRET));
}

#[test]
fn the_same_mistakes_are_told_in_words() {
    let text = TEN_LINES.replace("{ credential = \"fedi-token\" }", &format!("\"{SECRET}\""));
    let told = read(&text).unwrap_err().to_string();
    for part in [
        ":8:9: token of [[integration]] \"fedi\": the secret itself stands in the file",
        "\n8 | token = ...\n  | ^^^^^\n",
        "allowed: { credential = \"NAME\" }, { env = \"NAME\" } or { file = \"PATH\" }",
        "write token = { credential = \"my-token\" }",
    ] {
        assert!(told.contains(part), "{part:?} is missing in: {told}");
    }
}

/// One slip of the hand somewhere in a text.
fn slip() -> impl Strategy<Value = (prop::sample::Index, Option<char>, bool)> {
    let typed =
        prop::option::of(prop::sample::select("\"'[]{}=,.#\\\n x1".chars().collect::<Vec<_>>()));
    (any::<prop::sample::Index>(), typed, any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_slip_of_the_hand_makes_a_secret_known(slips in prop::collection::vec(slip(), 1..6)) {
        let mut text = format!(
            "[guard]\nburst = 3\n[[group]]\nname = \"g\"\n[[integration]]\nname = \"x\"\n\
             kind = \"mastodon\"\ntoken = \"{SECRET}\"\nurl = \"https://a:{SECRET}@b\"\n{TEN_LINES}"
        );
        for (at, typed, cut) in slips {
            let mut at = at.index(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            if cut {
                text.remove(at);
            }
            if let Some(typed) = typed {
                text.insert(at, typed);
            }
        }
        let said = said(&text);
        prop_assert!(!said.contains(SECRET), "{}", said);
    }

    #[test]
    fn no_text_makes_the_loader_panic(
        text in "([a-z]{1,3}|\\PC|[\\[\\]{}\"'=.#\\\\\r\n\t \u{e4}]){0,80}",
    ) {
        let _ = Config::parse(&text, Path::new(FILE), Secrets::Skip, &bare);
    }
}
