//! What the books of one delivery cost: claim, witness, settlement, journal and lifecycle, against two
//! commits of the same engine that write one row each, and one fdatasync. Nothing is sent.

use std::sync::Arc;

use oncecast::adapter::{CallSecrets, Known, registry};
use oncecast::ledger::{Claim, Ledger as _, Work};
use oncecast::model::{Method, Request, Response};
use oncecast::wire::{
    Answering, Endpoint, Fuse, Get, GetError, Outgoing, Transport, Trouble, Wire,
};
use url::Url;

use crate::blog::{ENTRIES, Shows, feed};
use crate::house::{House, integration};
use crate::publish::Bare;
use crate::rounds::{Turns, median, table, time, time_async, verdict};

const LANE: &str = "lane";
const ROUNDS: u32 = 500;
/// Of two commits and one fdatasync.
const WANTED: f64 = 1.5;

/// A network that has everything at once.
#[derive(Debug)]
struct Nowhere;

impl Transport for Nowhere {
    fn send<'a>(
        &'a self,
        _: Outgoing<'a>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Response, Trouble>> + Send + 'a>> {
        Box::pin(async { Ok(Response { status: 204, ..Response::default() }) })
    }

    fn get<'a>(&'a self, get: Get<'a>) -> Answering<'a> {
        let host = get.url.host_str().unwrap_or_default().to_owned();
        Box::pin(async { Err(GetError::Connect { host, why: "nothing is here".to_owned() }) })
    }
}

pub(crate) fn bench() {
    println!("\n== The books of one delivery ==");
    let house = House::open(&[LANE]);
    let pages = ROUNDS.div_ceil(ENTRIES) + 1;
    for page in 0..pages {
        let bytes = feed(1 + page * ENTRIES, Shows::Summaries, 0);
        let document = oncecast::feed::parse::parse(&bytes, &Default::default()).expect("a feed");
        house.admit_entries(document.entries);
    }
    let bare = Bare::open(&house, ROUNDS);
    let url: Url = "http://127.0.0.1:9/".parse().expect("a URL");
    let adapter = registry::build(&integration(LANE, &url));
    let endpoint = Endpoint { base: url, timeout: std::time::Duration::from_secs(10) };
    let wire = Wire::over(Arc::new(Nowhere), Fuse::of(1_000_000));
    let mut commits = Turns::of("bare: 2 commits");
    let mut synced = Turns::of("bare: 2 commits, fdatasync");
    let mut books = Turns::of("claim and settle");
    for round in 0..ROUNDS {
        let key = u64::from(round);
        commits.turn(|| time(|| bare.commit(key)).0);
        synced.turn(|| {
            time(|| {
                bare.commit(key);
                bare.sync();
            })
            .0
        });
        let due = house.runtime.block_on(house.ledger.due(LANE)).expect("readable");
        let Some(Work::Due(due)) = due.work else { panic!("a delivery is due") };
        let body = serde_json::json!({ "title": due.entry.title, "link": due.entry.link });
        let request = Request::json(Method::Post, "", &body);
        books.turn(|| {
            house.runtime.block_on(async {
                let stretch = async {
                    let claim = house.ledger.claim(due.id, request).await.expect("claimed");
                    let Claim::Granted(permit) = claim else { panic!("the claim is granted") };
                    let spent = wire
                        .publish(
                            permit,
                            &endpoint,
                            &CallSecrets::default(),
                            adapter.as_ref(),
                            &Known::default(),
                        )
                        .await;
                    house.ledger.settle(&spent).await.expect("settled");
                };
                time_async(stretch).await.0
            })
        });
    }
    table(&format!("{ROUNDS} rounds"), &synced, &[&commits, &books]);
    let ratio = median(&books.walls()) / median(&synced.walls());
    let wanted = "at most 1.5 times two commits and one fdatasync";
    verdict("the books of one delivery", ratio, wanted, ratio <= WANTED);
}
