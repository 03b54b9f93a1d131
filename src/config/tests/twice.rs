//! What would tell readers a post twice, and a login that cannot work.

use super::{TEN_LINES, read, told};

/// The faults' heads: line, key, what.
fn heads(text: &str) -> Vec<String> {
    let told = told(text);
    let heads = told.lines().filter_map(|line| line.strip_prefix(super::FILE)?.strip_prefix(':'));
    heads.map(str::to_owned).collect()
}

fn login(name: &str, kind: &str, rest: &str) -> String {
    format!("[[integration]]\nname = \"{name}\"\nkind = \"{kind}\"\n{rest}\n")
}

/// A feed, two integrations of a kind, and a group for each with these lines.
fn pair(kind: &str, one: &str, two: &str, group_one: &str, group_two: &str) -> String {
    let feed = "[[feed]]\nname = \"blog\"\nurl = \"./feed.xml\"\n";
    let group = |name: &str, rest: &str| {
        format!("[[group]]\nname = \"{name}\"\nintegration = \"{name}\"\n{rest}\n")
    };
    [
        feed,
        &login("one", kind, one),
        &login("two", kind, two),
        &group("one", group_one),
        &group("two", group_two),
    ]
    .concat()
}

const SAME_LOGIN: &str = "is the same login, so its readers would hear each post twice";
const SAME_AUDIENCE: &str = "has the same audience, which would hear each post twice";

#[test]
fn one_feed_under_two_names_is_refused() {
    let text = format!("{TEN_LINES}[[feed]]\nname = \"b\"\nurl = \"http://EXAMPLE.org/feed\"\n");
    let heads = heads(&text);
    assert_eq!(heads.len(), 1);
    assert!(heads[0].starts_with("14:7: url of [[feed]] \"b\": line 1 polls the same address"));
}

#[test]
fn two_groups_on_one_account_are_refused() {
    let more = "[[group]]\nname = \"again\"\nintegration = \"fedi\"\nvisibility = \"unlisted\"\n";
    let heads = heads(&format!("{TEN_LINES}{more}"));
    assert_eq!(heads.len(), 1);
    assert!(heads[0].starts_with("14:15: integration of [[group]] \"again\": the group on line 9"));
    assert!(heads[0].ends_with(SAME_AUDIENCE));
}

#[test]
fn one_account_under_two_names_is_refused() {
    let token = "token = { env = \"T\" }";
    let password = "password = { env = \"P\" }";
    let room = |room: &str| format!("room = \"{room}\"");
    for (kind, one, two) in [
        (
            "mastodon",
            format!("url = \"https://a/\"\n{token}"),
            format!("url = \"http://A\"\n{token}"),
        ),
        ("webhook", "url = \"https://a/x\"".into(), "url = \"https://a/x/\"".into()),
        (
            "bluesky",
            format!("identifier = \"me.example\"\n{password}"),
            "identifier = \"@ME.example\"\nurl = \"https://pds.example\"\n\
             password = { env = \"Q\" }"
                .into(),
        ),
        (
            "matrix",
            format!("url = \"https://a\"\n{token}"),
            format!("url = \"https://a\"\n{token}"),
        ),
        (
            "matrix",
            format!("url = \"https://a\"\nuser = \"me\"\n{password}"),
            format!("url = \"https://a\"\nuser = \"@me:a\"\n{password}"),
        ),
    ] {
        let (mut first, mut second) = (String::new(), String::new());
        if kind == "matrix" {
            (first, second) = (room("!a:a"), room("!b:a"));
        }
        let heads = heads(&pair(kind, &one, &two, &first, &second));
        assert_eq!(heads.len(), 1, "{kind}: {heads:?}");
        assert!(heads[0].contains(": [[integration]] \"two\": line 4 "), "{heads:?}");
        assert!(heads[0].ends_with(SAME_LOGIN), "{heads:?}");
    }
}

#[test]
fn two_accounts_that_may_differ_are_not_refused() {
    let token = |name: &str| format!("url = \"https://a\"\ntoken = {{ env = \"{name}\" }}");
    assert!(read(&pair("mastodon", &token("A"), &token("B"), "", "")).is_ok());
    let other = token("A").replace("//a", "//b");
    assert!(read(&pair("mastodon", &token("A"), &other, "", "")).is_ok());
    let mail = |url: &str| {
        format!("url = \"https://{url}\"\nidentifier = \"me@x\"\npassword = {{ env = \"P\" }}")
    };
    assert!(read(&pair("bluesky", &mail("a"), &mail("b"), "", "")).is_ok());
    let hook = |query: &str| format!("url = \"https://a/hook?to={query}\"");
    assert!(read(&pair("webhook", &hook("a"), &hook("b"), "", "")).is_ok());
}

#[test]
fn one_room_by_two_logins_is_refused() {
    let token = |name: &str| format!("url = \"https://a\"\ntoken = {{ env = \"{name}\" }}");
    let room = "room = \"!a:a\"";
    let heads = heads(&pair("matrix", &token("A"), &token("B"), room, room));
    assert_eq!(heads.len(), 1);
    assert!(heads[0].contains(": room of [[group]] \"two\": the group on line "), "{heads:?}");
    let other = "room = \"!b:a\"";
    assert!(read(&pair("matrix", &token("A"), &token("B"), room, other)).is_ok());
}

#[test]
fn a_room_is_needed_and_looks_like_one() {
    let token = |name: &str| format!("url = \"https://a\"\ntoken = {{ env = \"{name}\" }}");
    let of = |room: &str| {
        let room = format!("room = \"{room}\"");
        read(&pair("matrix", &token("A"), &token("B"), "room = \"!z:a\"", &room)).is_ok()
    };
    for good in ["!a:a", "#blog:example.org", "!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM"] {
        assert!(of(good), "{good}");
    }
    for bad in ["blog", "#blog", "!", "#:a", "#a:", "!a b:c", "https://matrix.to/#/!a:a"] {
        assert!(!of(bad), "{bad}");
    }
    let heads = heads(&pair("matrix", &token("A"), &token("B"), "room = \"!z:a\"", ""));
    assert!(heads[0].ends_with("room of [[group]] \"two\": the key is missing"), "{heads:?}");
}

#[test]
fn a_matrix_login_is_whole_and_one() {
    let of = |rest: &str| {
        let one = format!("url = \"https://a\"\n{rest}");
        let two = "url = \"https://b\"\ntoken = { env = \"B\" }";
        heads(&pair("matrix", &one, two, "room = \"!a:a\"", "room = \"!b:a\""))
    };
    for (rest, part) in [
        ("", "token of [[integration]] \"one\": there is no login"),
        ("user = \"me\"", "password of [[integration]] \"one\": the key is missing"),
        ("password = { env = \"P\" }", "user of [[integration]] \"one\": the key is missing"),
        ("token = { env = \"A\" }\nuser = \"me\"", "user stands beside token"),
        ("token = { env = \"A\" }\npassword = { env = \"P\" }", "password stands beside token"),
    ] {
        let heads = of(rest);
        assert_eq!(heads.len(), 1, "{heads:?}");
        assert!(heads[0].contains(part), "{heads:?}");
    }
}

#[test]
fn a_table_given_too_often_is_cut_off() {
    let mut text = TEN_LINES.to_owned();
    for n in 0..20_000 {
        text.push_str(&format!("[[feed]]\nname = \"f{n}\"\nurl = \"./{n}.xml\"\n"));
    }
    let heads = heads(&text);
    assert_eq!(heads.len(), 1);
    assert!(heads[0].ends_with("there are more than 20000 of these"), "{heads:?}");
}
