//! A blog on loopback that goes on writing: at every look at its feed there is more.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::get;

/// What its feed shows at most: the newest posts, as real feeds do, and more than kills can make a
/// daemon miss.
const WINDOW: u32 = 400;

/// The blog.
pub struct Blog {
    pub url: String,
    desk: Arc<Mutex<Desk>>,
}

struct Desk {
    posts: u32,
    /// New posts at each look after the first.
    pace: u32,
}

impl Blog {
    /// A blog with one post, and `pace` more at each look after the first.
    pub async fn open(pace: u32) -> Self {
        let desk = Arc::new(Mutex::new(Desk { posts: 0, pace }));
        let writer = Arc::clone(&desk);
        let page = move || {
            let posts = {
                let mut desk = writer.lock().expect("free");
                desk.posts += if desk.posts == 0 { 1 } else { desk.pace };
                desk.posts
            };
            async move { feed(posts.saturating_sub(WINDOW)..posts) }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/feed", listener.local_addr().expect("an address"));
        let app = Router::new().route("/feed", get(page));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, desk }
    }

    /// How many posts there are. The first was there before the daemon was.
    pub fn posts(&self) -> u32 {
        self.desk.lock().expect("free").posts
    }

    /// From now on so many more at each look.
    pub fn pace(&self, pace: u32) {
        self.desk.lock().expect("free").pace = pace;
    }
}

/// A feed of these posts, newest first.
pub fn feed(posts: std::ops::Range<u32>) -> String {
    let items: String = posts
        .rev()
        .map(|n| {
            format!(
                "<item><title>{}</title><link>{}</link>\
                 <guid isPermaLink=\"false\">post-{n}</guid></item>",
                title(n),
                link(n)
            )
        })
        .collect();
    format!("<rss version=\"2.0\"><channel><title>b</title>{items}</channel></rss>")
}

/// The title of a post: in letters, so that posts do not look like parts of a series.
pub fn title(n: u32) -> String {
    let letter = |d: u32| char::from(b'a' + (d % 26) as u8);
    let letters: String = [n / 17_576, n / 676, n / 26, n].into_iter().map(letter).collect();
    format!("About {letters}")
}

/// Where a post is.
pub fn link(n: u32) -> String {
    format!("http://blog.example/{n}")
}
