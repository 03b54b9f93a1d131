//! The demo's blog: a feed on loopback that can do what real ones have done to their readers.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use jiff::fmt::rfc2822::DateTimePrinter;

use crate::model::{Entry, Time};

/// How many posts a feed shows.
const WINDOW: usize = 40;

/// What the blog shows.
#[derive(Debug, Default)]
struct Shown {
    posts: Vec<Entry>,
    /// Goes into every guid: a change gives every post a new one.
    build: u32,
    https: bool,
    fetches: u64,
}

/// A blog on loopback.
#[derive(Debug, Clone, Default)]
pub(super) struct Blog {
    shown: Arc<Mutex<Shown>>,
}

impl Blog {
    /// Serves it, and says where its feed is.
    pub(super) async fn serve(&self) -> std::io::Result<String> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/feed.xml", listener.local_addr()?);
        let app = Router::new().route("/feed.xml", get(feed)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(url)
    }

    pub(super) fn publish(&self, entry: Entry) {
        self.with(|shown| shown.posts.push(entry));
    }

    pub(super) fn change_every_guid(&self) {
        self.with(|shown| shown.build += 1);
    }

    pub(super) fn move_to_https(&self) {
        self.with(|shown| shown.https = true);
    }

    pub(super) fn fetches(&self) -> u64 {
        self.with(|shown| shown.fetches)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Shown) -> T) -> T {
        act(&mut self.shown.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A post of the blog's own.
    pub(super) fn post(number: u32, name: &str, now: Time) -> Entry {
        Entry {
            guid: Some(format!("http://blog.example/?p={number}")),
            link: Some(format!("http://blog.example/{number}-{name}/")),
            title: format!("On {name}"),
            summary: format!("What there is to say about {name}, in a sentence."),
            published: Some(now),
            ..Entry::default()
        }
    }
}

async fn feed(State(blog): State<Blog>) -> impl IntoResponse {
    let channel = blog.with(|shown| {
        shown.fetches += 1;
        let secure = |text: &Option<String>| {
            text.as_ref().map(|t| match shown.https {
                true => t.replacen("http://", "https://", 1),
                false => t.clone(),
            })
        };
        let items = shown.posts.iter().rev().take(WINDOW).map(|entry| {
            let guid = secure(&entry.guid).map(|value| match shown.build {
                0 => value,
                build => format!("{value}#build-{build}"),
            });
            rss::Item {
                title: Some(entry.title.clone()),
                link: secure(&entry.link),
                description: Some(entry.summary.clone()),
                guid: guid.map(|value| rss::Guid { value, permalink: false }),
                pub_date: entry.published.and_then(|t| {
                    DateTimePrinter::new().timestamp_to_string(&t.to_timestamp()).ok()
                }),
                ..rss::Item::default()
            }
        });
        rss::Channel {
            title: "The demo's blog".to_owned(),
            link: "http://blog.example/".to_owned(),
            description: "A blog that has seen everything".to_owned(),
            items: items.collect(),
            ..rss::Channel::default()
        }
    });
    ([(CONTENT_TYPE, "application/rss+xml; charset=utf-8")], channel.to_string())
}
