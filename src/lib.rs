//! oncecast carries each post of a blog to every place where its readers are: once each, for ever.
//!
//! # The promise
//!
//! Each *entry* of a feed reaches each *group* (an audience) at most once: through crashes,
//! timeouts, restarts, changed GUIDs, edited posts, adapters with bugs, and a second copy of the
//! daemon started by mistake. Where the truth cannot be known a *delivery* waits, visibly, as in
//! doubt. Silence before repetition, and never silence unseen.
//!
//! # The way of one post through the house
//!
//! Two sides share nothing but the ledger and a bell.
//!
//! *In* ([`flow::poll`]): **1** a feed's timer comes due. **2** [`feed::fetch`] asks for it through
//! the wire. **3** [`feed::parse`] turns bytes into entries, oldest first. **4**
//! [`model::identity`] names the aliases by which each can be recognised. **5**
//! [`ledger::Ledger::admit`] decides what is new ([`ledger::admission`]) and writes entries,
//! aliases, one delivery a group and the feed's validators in one durable commit. **6** the bell
//! rings; it carries no data.
//!
//! *Out* ([`flow::dispatch`]): **7** one worker a lane reads what is due. **8** [`flow::deliver`]
//! reads straight down: log in, compose, wait for pace, ask whether another hand was quicker where the
//! group wants that ([`adapter::Adapter::look_before`]), stage a draft or a picture where the platform has
//! them ([`adapter::Adapter::stage`]), **claim, publish, settle**. All that can fail harmlessly comes before
//! the claim. **9** [`wire::Wire::publish`] consumes the [`ledger::Permit`] and sends once. **10**
//! [`ledger::Ledger::settle`] commits the outcome, and where another delivery waits, its claim with it.
//!
//! What may have been heard and is not known to have been is settled by [`flow::doubt`]: by asking the
//! platform, by repeating under the same id where a repeat cannot be seen, or by a person.
//!
//! Replay, release, `adopt` and a person's word enter at 5: they write a row and ring the same bell. There
//! is no second way out.
//!
//! What readers have is changed or taken away by [`flow::deliver::Lane::amend`], in the same lane and in the
//! same order: **claim, amend, settle**. Its right is an [`ledger::AmendPermit`], which is another type than
//! the permit and cannot be spent as one; the ledger grants it only for a call that names the post. A
//! delivery stays published through all of it, so nothing that was taken away can come to be sent again; a
//! call of which nobody knows whether it was heard is made again as it was, since readers see no second post.
//!
//! # The rooms
//!
//! Arrows point down only (held by `tests/it/house.rs`):
//!
//! | room | what it is | may use |
//! |---|---|---|
//! | [`model`] | the vocabulary; pure: no I/O, no clock, no async | nothing of ours |
//! | [`clock`] | the only place that reads the time | `model` |
//! | [`config`] | loading, one validation pass, secrets | `model` |
//! | [`post`] | what a group will read: text, template, fit | `model` |
//! | [`ledger`] | the truth; the only source of permits | `model`, `clock` |
//! | [`adapter`] | what each platform wants to hear; builds and reads, cannot send | `model`, `config`, `post` |
//! | [`wire`] | the one door: `transport` is the only file that names reqwest | `model`, `clock`, `adapter`, `ledger` |
//! | [`feed`] | fetch, parse, schedule | `model`, `clock`, `config`, `wire`, `post` |
//! | [`flow`] | poll, dispatch, deliver, settle, pace | all above |
//! | [`desk`] | what a person may ask and what comes back; exit codes | `model`, `config`, `ledger`, `cli` |
//! | [`serve`] | health, status, metrics, the control socket | all above |
//! | [`daemon`] | builds the parts, runs them, drains; alerts; systemd | all above |
//! | [`command`] | one file a command | all above |
//! | [`cli`], [`telemetry`] | the command line; log lines | nothing of ours; `cli` |

pub mod adapter;
pub mod cli;
pub mod clock;
pub mod command;
pub mod config;
pub mod daemon;
pub mod desk;
pub mod feed;
pub mod flow;
pub mod ledger;
pub mod model;
pub mod post;
pub mod serve;
pub mod telemetry;
pub mod wire;
