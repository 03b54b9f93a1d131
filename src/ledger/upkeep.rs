//! What is known of entries that have left their feed, and what a look at their pages shows.

use std::time::Duration;

/// An entry whose page wants a look: it may have been deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Its number.
    pub entry: u64,
    /// Its page.
    pub page: String,
    /// A page of the same host that must be there when this one is gone: a site that answers 404 to
    /// everything has deleted nothing.
    pub beside: Option<String>,
    /// How long until it wants to be looked at.
    pub wait: Duration,
}

/// What a look at a page has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// It is gone, by this status, and its neighbour is there.
    Gone(u16),
    /// It is there.
    There,
    /// Neither can be said.
    Unsure(String),
}
