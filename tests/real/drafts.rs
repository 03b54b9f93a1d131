//! A real WordPress as the place that posts go to: a draft first, then its publishing, through kills in the
//! middle of both.

use data_encoding::BASE64;
use serde_json::Value;

use super::servers::Server;
use super::support::daemon::Daemon;
use super::support::until;

const TITLES: [&str; 4] = ["On moss & <ferns>", "On tides", "On kites", "On lamps"];

/// Everything that the site holds, drafts and bin included.
async fn held(site: &Server) -> Vec<Value> {
    let pair = format!("{}:{}", site.text("user"), site.text("password"));
    let login = format!("Basic {}", BASE64.encode(pair.as_bytes()));
    let path = "/wp-json/wp/v2/posts?status=any,trash&per_page=100&context=edit";
    site.call("GET", path, &login, None).await.as_array().expect("a list").clone()
}

fn feed(daemon: &Daemon, titles: &[&str]) {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let items: String = titles
        .iter()
        .map(|title| {
            let name = title.rsplit(' ').next().unwrap_or_default().replace(['<', '>'], "");
            format!(
                "<item><title>{}</title><link>https://blog.example/{name}</link>\
                 <description>It [says] &lt;b&gt;{name}&lt;/b&gt;.</description></item>",
                escape(title)
            )
        })
        .collect();
    let text = format!("<rss version=\"2.0\"><channel><title>b</title>{items}</channel></rss>");
    std::fs::write(daemon.path("feed.new"), text).expect("written");
    std::fs::rename(daemon.path("feed.new"), daemon.path("feed.xml")).expect("renamed");
}

/// What the site's readers would have suffered: a post twice after a crash between its draft and its
/// publishing, or a draft that never came out.
#[tokio::test(flavor = "multi_thread")]
async fn drafts_on_a_real_wordpress_come_out_once_each_through_kills() {
    let site = Server::start("wordpress").await;
    let mut daemon = Daemon::with(&format!(
        "[guard]\nsettle = \"0s\"\nburst = 20\nshare = 1.0\ncrash_loop = 0\n\
         [[feed]]\nname = \"blog\"\nurl = \"feed.xml\"\nevery = \"1s\"\n\
         [[integration]]\nname = \"site\"\nkind = \"wordpress\"\nurl = {:?}\nuser = {:?}\n\
         password = {{ env = \"SITE_PASSWORD\" }}\ndoubt_after = \"1s\"\n\
         pace = {{ every = \"0s\", burst = 1 }}\n\
         caps = {{ per_10m = 100, per_hour = 100, per_day = 100 }}\n\
         [[group]]\nname = \"site\"\nintegration = \"site\"\n",
        site.text("url"),
        site.text("user"),
    ));
    daemon.set("SITE_PASSWORD", &site.text("password"));
    feed(&daemon, &["Old"]);
    let check = daemon.command(&["check"]).output().await.expect("it runs");
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    daemon.start().await;
    daemon.baseline("blog").await;

    // All of them at once, and a kill as soon as each draft is there, before it can be known whether it
    // is out.
    let shown: Vec<&str> = TITLES.iter().copied().chain(["Old"]).collect();
    feed(&daemon, &shown);
    for drafts in 1..=TITLES.len() {
        until("another draft", async || held(&site).await.len() >= drafts).await;
        daemon.kill().await;
        daemon.start().await;
    }
    until("every post to be out", async || {
        daemon.count("site", "published").await == TITLES.len() as u64
    })
    .await;

    let held = held(&site).await;
    for title in ["On moss &amp; &lt;ferns&gt;", "On tides", "On kites", "On lamps"] {
        let posts: Vec<&Value> = held.iter().filter(|post| post["title"]["raw"] == title).collect();
        let [post] = posts[..] else { panic!("{title} is there {} times", posts.len()) };
        assert_eq!(post["status"], "publish", "{title}");
        let text = post["content"]["rendered"].as_str().expect("a text");
        assert!(
            text.contains("It &#91;says&#93; ") && text.contains("<a href=\"https://blog."),
            "{text}"
        );
    }
    assert_eq!(held.len(), TITLES.len(), "nothing else is left there");
    assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
}
