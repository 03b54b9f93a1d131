//! The page for people: what it shows to whom, and who may tick something off there.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use oncecast::desk::exit;

use super::binary::{house, said, started};
use super::by_hand::twelve;
use super::support::daemon::Daemon;
use super::support::until;

/// A browser with at most one cookie.
struct Browser<'a> {
    daemon: &'a Daemon,
    cookie: String,
}

/// An answer: status, head and body.
struct Page {
    status: u16,
    head: String,
    body: String,
}

impl Page {
    /// The value of the first field of that name.
    fn field(&self, name: &str) -> String {
        let mark = format!("name=\"{name}\" value=\"");
        let rest = self.body.split(&mark).nth(1).unwrap_or_else(|| panic!("no {name}"));
        rest.split('"').next().expect("it ends").to_owned()
    }

    fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find(|l| l.to_lowercase().starts_with(&format!("{name}: ")));
        line.and_then(|line| line.split_once(": ")).map(|(_, value)| value).unwrap_or_default()
    }
}

impl Browser<'_> {
    async fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> Page {
        let log = self.daemon.log();
        let address = log.rsplit("listen=").next().and_then(|r| r.split_whitespace().next());
        let address = address.expect("it says where it listens").to_owned();
        let mut stream = tokio::net::TcpStream::connect(&address).await.expect("it listens");
        let host = if headers.contains("host: ") { "" } else { &format!("host: {address}\r\n") };
        let request = format!(
            "{method} {path} HTTP/1.1\r\n{host}connection: close\r\ncookie: other=1; {}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n{headers}\
             \r\n{body}",
            self.cookie,
            body.len()
        );
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("answered");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).expect("a status");
        // A slash is harmless, and is escaped all the same.
        Page { status, head: head.to_owned(), body: body.replace("&#x2f;", "/") }
    }

    async fn page(&self) -> Page {
        self.send("GET", "/", "", "").await
    }

    /// Sends a form of the page, with the token of this session.
    async fn act(&self, act: &str, delivery: &str, more: &str) -> Page {
        let token = self.page().await.field("token");
        let body = format!("token={token}&delivery={delivery}{more}");
        self.send("POST", &format!("/hand/{act}"), "", &body).await
    }
}

fn stranger(daemon: &Daemon) -> Browser<'_> {
    Browser { daemon, cookie: String::new() }
}

/// The key of a fresh link.
async fn key(daemon: &Daemon) -> String {
    let link = said(daemon, &["page"]).await.ends(exit::OK).out;
    link.trim().split_once("/enter?key=").expect("a link").1.to_owned()
}

/// A browser that has opened its link.
async fn visitor(daemon: &Daemon) -> Browser<'_> {
    let body = format!("key={}", key(daemon).await);
    let entered = stranger(daemon).send("POST", "/enter", "", &body).await;
    assert_eq!(entered.status, 303, "{}", entered.head);
    let cookie = entered.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    Browser { daemon, cookie }
}

/// What the blog shows: title and link of each post, as hostile as they come.
fn publish(daemon: &Daemon, posts: &[(&str, &str)]) {
    let escape = |t: &str| t.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let item = |(title, link): &(&str, &str)| {
        let (title, link) = (escape(title), escape(link));
        format!("<item><title>{title}</title><guid>{link}</guid><link>{link}</link></item>")
    };
    let items: String = posts.iter().map(item).collect();
    let text = format!("<rss version=\"2.0\"><channel><title>b</title>{items}</channel></rss>");
    std::fs::write(daemon.path("feed.new"), text).expect("written");
    std::fs::rename(daemon.path("feed.new"), daemon.path("feed.xml")).expect("renamed");
}

const OLD: (&str, &str) = ("Old", "http://blog.example/Old");

async fn with_posts(posts: &[(&str, &str)], group: &str, due: u64) -> Daemon {
    let daemon = started(&house(&[], &twelve(""))).await;
    let all: Vec<_> = posts.iter().copied().chain([OLD]).collect();
    publish(&daemon, &all);
    until("the list", async || daemon.count(group, "due").await == due).await;
    daemon
}

/// A title with markup in it would run in the browser of whoever may post.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_feed_writes_is_text_on_the_page() {
    let hostile = [
        ("</textarea></pre><script>alert(1)</script>", "https://blog.example/1?\"><script>"),
        ("\" onmouseover=\"alert(2)", "javascript:alert(3)//https://blog.example/2"),
        ("{{ session.token }}{% for %}", "https://blog.example/3"),
        ("\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{1f980}", "https://blog.example/4"),
    ];
    let daemon = with_posts(&hostile, "group-12", 4).await;
    let visitor = visitor(&daemon).await;
    let four = visitor.page().await;
    assert_eq!(four.status, 200);
    let name = four.body.split("\"delivery\" value=\"").nth(1).and_then(|r| r.split('"').next());
    let begun = visitor.act("open", name.expect("an item"), "").await;
    assert_eq!(begun.status, 303, "{}", begun.body);
    for page in [four, visitor.page().await, stranger(&daemon).page().await] {
        let body = &page.body;
        assert_eq!(body.matches("<script").count(), 1, "only our own file");
        assert!(!body.contains("onmouseover=\"") && !body.contains("href=\"javascript:"), "{body}");
        assert!(body.contains("{{ session.token }}") && body.contains("\u{1f980}"), "{body}");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
    }
    let css = stranger(&daemon).send("GET", "/page.css", "", "").await;
    assert_eq!((css.status, css.header("content-type")), (200, "text/css; charset=utf-8"));
    let js = stranger(&daemon).send("GET", "/page.js", "", "").await;
    assert_eq!((js.status, js.header("content-type")), (200, "text/javascript; charset=utf-8"));
}

/// Whoever could tick a post off without having posted it would silence a group for ever; whoever could
/// put one back would have it posted twice.
#[tokio::test(flavor = "multi_thread")]
async fn only_who_was_let_in_may_act_and_only_from_our_own_page() {
    let mut daemon = with_posts(&[("New", "http://blog.example/New")], "group-12", 1).await;
    let name = "http://blog.example/New/group-1";
    let out = stranger(&daemon);
    let seen = out.page().await.body;
    assert!(seen.contains("group-12") && seen.contains("oncecast page"), "{seen}");
    assert!(!seen.contains("<form"), "a stranger has nothing to send");
    let due = async || daemon.count("group-1", "due").await == 1;

    let body = format!("token=x&delivery={name}");
    assert_eq!(out.send("POST", "/hand/done", "", &body).await.status, 403);
    assert_eq!(out.send("POST", "/enter", "", "key=").await.status, 403);
    assert_eq!(out.send("POST", "/leave", "", "").await.status, 403);
    let key = key(&daemon).await;
    // Looking into a link, as chats do, does not use it up; a form from elsewhere does not get in.
    let looked = out.send("GET", &format!("/enter?key={key}"), "", "").await;
    assert_eq!((looked.status, looked.field("key")), (200, key.clone()));
    assert!(looked.header("set-cookie").is_empty());
    let foreign = "sec-fetch-site: cross-site\r\n";
    let enter = format!("key={key}");
    assert_eq!(out.send("POST", "/enter", foreign, &enter).await.status, 403);
    let entered = out.send("POST", "/enter", "", &enter).await;
    let cookie = entered.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    assert_eq!(out.send("POST", "/enter", "", &enter).await.status, 403, "once");

    let me = Browser { daemon: &daemon, cookie: cookie.split(';').next().expect("one").into() };
    let token = me.page().await.field("token");
    assert_eq!(me.send("POST", "/hand/done", "", &body).await.status, 403, "a wrong token");
    let mine = format!("token={token}&delivery={name}");
    assert_eq!(me.send("POST", "/hand/done", foreign, &mine).await.status, 403);
    assert_eq!(me.send("POST", "/hand/done", "host: evil.example\r\n", &mine).await.status, 421);
    assert_eq!(me.send("GET", "/", "host: evil.example\r\n", "").await.status, 421);
    let long = format!("{mine}&url={}", "x".repeat(20_000));
    assert_eq!(me.send("POST", "/hand/done", "", &long).await.status, 413);
    let other = visitor(&daemon).await.page().await.field("token");
    let theirs = format!("token={other}&delivery={name}");
    assert_eq!(me.send("POST", "/hand/done", "", &theirs).await.status, 403, "another's token");
    assert_eq!(me.send("GET", &format!("/hand/done?{mine}"), "", "").await.status, 405);
    assert!(due().await, "nothing of that was taken");
    assert_eq!(me.send("POST", "/hand/done", "", &mine).await.status, 303);
    assert_eq!(daemon.count("group-1", "published").await, 1);
    let left = me.send("POST", "/leave", "", &format!("token={token}")).await;
    assert!(left.header("set-cookie").contains("Max-Age=0"), "{}", left.head);

    // A session outlives a restart, and ends where its key is taken away.
    let cookie = me.cookie.clone();
    daemon.end().await;
    daemon.start().await;
    let me = Browser { daemon: &daemon, cookie: cookie.clone() };
    assert!(me.page().await.body.contains("<form"));
    daemon.end().await;
    std::fs::remove_file(daemon.path("sessions/page.key")).expect("it is there");
    daemon.start().await;
    let me = Browser { daemon: &daemon, cookie };
    assert!(!me.page().await.body.contains("<form"));
}

/// The founding case on a phone: twelve groups, two tabs, a terminal beside them, and a crash.
#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_and_a_terminal_serve_each_group_once() {
    let mut daemon = with_posts(&[("New", "http://blog.example/New")], "group-12", 1).await;
    let item = |n: u32| format!("http://blog.example/New/group-{n}");
    let (one, two) = (visitor(&daemon).await, visitor(&daemon).await);
    let begun = one.act("open", &item(1), "").await;
    assert!(begun.header("location").starts_with("/#d-"), "{}", begun.head);
    let shown = one.page().await.body;
    for part in ["Copy the text", "https://www.linkedin.com/groups/1/", "Done: it is there"] {
        assert!(shown.contains(part), "{part}");
    }
    assert!(shown.contains("rel=\"noopener noreferrer\""), "{shown}");
    let late = two.act("open", &item(1), "").await;
    assert_eq!((late.status, late.header("location")), (303, "/"));
    let told = two.page().await.body;
    assert!(told.contains("Nothing was done") && told.contains("on the page has begun"), "{told}");
    assert!(!two.page().await.body.contains("Nothing was done"), "it is said once");
    said(&daemon, &["hand", &item(1), "--open"]).await.ends(exit::REFUSED);
    said(&daemon, &["hand", &item(2), "--open"]).await.ends(exit::OK);
    two.act("open", &item(2), "").await;
    assert!(two.page().await.body.contains("Nothing was done"));
    one.act("done", &item(1), "&url=https%3A%2F%2Fwww.linkedin.com%2Ffeed%2Fupdate%2F7%2F").await;
    two.act("done", &item(1), "").await;
    assert!(two.page().await.body.contains("it is there already"));
    one.act("open", &item(3), "").await;
    one.act("not-posted", &item(3), "&attempt=1").await;
    two.act("open", &item(3), "").await;
    // The first tab still shows its own attempt.
    one.act("not-posted", &item(3), "&attempt=1").await;
    assert!(one.page().await.body.contains("has begun it since"));
    one.act("skip", &item(4), "&reason=").await;
    assert!(one.page().await.body.contains("say why"));
    one.act("skip", &item(4), "&reason=not+their+subject").await;
    assert_eq!(daemon.count("group-4", "withdrawn").await, 1);
    let why = said(&daemon, &["why", "http://blog.example/New"]).await.ends(exit::OK);
    why.tells(&["on the page", "https://www.linkedin.com/feed/update/7/", "not their subject"]);

    let cookie = one.cookie.clone();
    daemon.kill().await;
    daemon.start().await;
    let one = Browser { daemon: &daemon, cookie };
    let asked = one.page().await.body;
    assert!(asked.contains("Did you post it?") && !asked.contains("Copy the text</button"));
    assert_eq!(daemon.count("group-3", "in_doubt").await, 1, "begun before the crash");
    one.act("open", &item(3), "").await;
    assert!(one.page().await.body.contains("Nothing was done"), "a doubt is not offered as new");
    one.act("done", &item(3), "").await;
    assert_eq!(daemon.count("group-3", "published").await, 1);
    daemon.end().await;
    said(&daemon, &["ledger", "verify"]).await.ends(exit::OK).tells(&["unbroken"]);
}

/// A page that breaks when there is nothing, or much, is not there on the day it is needed.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_and_two_hundred_items_are_a_page() {
    let titles: Vec<String> = (0..20).map(|n| format!("Post {n}")).collect();
    let links: Vec<String> = (0..20).map(|n| format!("http://blog.example/p{n}")).collect();
    let posts: Vec<(&str, &str)> =
        titles.iter().map(String::as_str).zip(links.iter().map(String::as_str)).collect();
    let daemon = started(&house(&[], &twelve(""))).await;
    let none = stranger(&daemon).page().await;
    assert!(none.status == 200 && none.body.contains("Nothing waits."), "{}", none.body);
    let all: Vec<_> = posts.iter().copied().chain([OLD]).collect();
    publish(&daemon, &all);
    until("the list", async || daemon.count("group-12", "due").await == 20).await;
    let visitor = visitor(&daemon).await;
    let page = visitor.page().await;
    assert_eq!(page.body.matches("action=\"/hand/open\"").count(), 200);
    assert!(page.body.contains("and 40 more"), "240 in all");
    assert!(page.body.len() < 1_000_000, "{}", page.body.len());
}
