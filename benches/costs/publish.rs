//! One claim-publish-settle on loopback against what it cannot do without: one POST by the same
//! client, two commits of the same engine and one fdatasync.

use std::fs::File;
use std::io::Write as _;

use oncecast::adapter::{CallSecrets, Known, Piece, registry};
use oncecast::clock::{Clock as _, SystemClock};
use oncecast::feed::parse::{self, Hints};
use oncecast::ledger::{Claim, DueWork, Ledger as _, Permit, Spent, Work};
use oncecast::model::{Method, Outcome, Request};
use oncecast::wire::{Endpoint, Http, Outgoing, Transport as _, Wire};
use redb::{Database, TableDefinition};
use url::Url;

use crate::blog::{ENTRIES, Shows, feed};
use crate::house::{House, group, integration};
use crate::receiver;
use crate::rounds::{Took, Turns, median, ratios, table, time, time_async, verdict};

const LANE: &str = "lane";
/// Rounds of one delivery each; every one takes an entry.
const ROUNDS: u32 = 500;
/// Rows of posts that wait for one another, and how many stand in each.
const ROWS_WAITING: u32 = 20;
const ROW_LENGTH: u32 = 20;
/// The rate that is wanted, of the bare one.
const WANTED: f64 = 0.8;
const ROWS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("rows");
/// As large as a row of the ledger.
const ROW: [u8; 200] = [7; 200];
/// As large as a record of the witness.
const RECORD: [u8; 64] = [7; 64];
/// The ledger's own.
const CACHE_BYTES: usize = 8 << 20;

pub(crate) fn bench() {
    println!("\n== One claim-publish-settle on loopback ==");
    let (url, heard) = receiver::open();
    let house = House::open(&[LANE]);
    house.admit_entries(entries(1));
    for page in 1..=(ROUNDS + ROWS_WAITING * ROW_LENGTH).div_ceil(ENTRIES) {
        house.admit_entries(entries(1 + page * ENTRIES));
    }
    let parts = house.parts();
    let wire = parts.wire.as_ref();
    let endpoint = Endpoint { base: url.clone(), timeout: integration(LANE, &url).timeout };
    let bare = Bare::open(&house, ROUNDS);
    let mut least = Turns::of("bare: POST, 2 commits, fdatasync");
    let mut again = Turns::of("bare, in the rounds of the next");
    let mut post = Turns::of("  of which the POST");
    let mut commits = Turns::of("  of which the commits");
    let mut once = Turns::of("claim, publish, settle");
    let mut step = Turns::of("the same with due and compose");
    for round in 0..ROUNDS {
        let due = due(&house);
        let request = compose(&due, &url);
        let base = if round % 2 == 0 { &mut least } else { &mut again };
        base.turn(|| {
            let (posting, ()) = time(|| bare.post(&house, &url, &request));
            let (committing, ()) = time(|| bare.commit(u64::from(round)));
            let (syncing, ()) = time(|| bare.sync());
            if round % 2 == 0 {
                post.turn(|| posting);
                commits.turn(|| committing);
            }
            sum([posting, committing, syncing])
        });
        if round % 2 == 0 {
            once.turn(|| {
                house.runtime.block_on(carry(&house, wire, &endpoint, &url, due, request))
            });
        } else {
            step.turn(|| {
                let stretch = async {
                    let due = next(&house).await;
                    let request = compose(&due, &url);
                    carry(&house, wire, &endpoint, &url, due, request).await
                };
                house.runtime.block_on(async { time_async(stretch).await.0 })
            });
        }
    }
    assert_eq!(heard.posts(), 2 * u64::from(ROUNDS), "each was heard once");
    let title = format!("{ROUNDS} rounds, each after a bare one; every other one from due");
    table(&title, &least, &[&post, &commits, &once]);
    table("the same from due", &again, &[&step]);
    for (name, base, turns) in
        [("rate of claim-publish-settle", &least, &once), ("rate from due", &again, &step)]
    {
        let rate = median(&base.walls()) / median(&turns.walls());
        let within = median(&ratios(&base.walls(), &turns.walls()));
        println!("  {name}, median of the ratios of single rounds: {within:.2}");
        verdict(name, rate, "at least 0.8 of the bare rate", rate >= WANTED);
    }
    in_a_row(&house, wire, &endpoint, &url, &bare);
    assert_eq!(heard.posts(), 2 * u64::from(ROUNDS + ROWS_WAITING * ROW_LENGTH));
}

/// Posts of a lane that wait for one another: one commit settles one and claims the next.
fn in_a_row(house: &House, wire: &Wire, endpoint: &Endpoint, url: &Url, bare: &Bare) {
    let mut least = Turns::of("bare: the same as above, one by one");
    let mut row = Turns::of("due, compose, claim, publish, settle");
    for _ in 0..ROWS_WAITING {
        let request = compose(&due(house), url);
        least.turn(|| {
            let one_by_one = || {
                for key in 0..u64::from(ROW_LENGTH) {
                    bare.post(house, url, &request);
                    bare.commit(key);
                    bare.sync();
                }
            };
            time(one_by_one).0
        });
        row.turn(|| {
            let all = async {
                let first = next(house).await;
                let request = compose(&first, url);
                let mut permit = claim(house, &first, request).await;
                for number in 1..=ROW_LENGTH {
                    let spent = publish(wire, permit, endpoint, url).await;
                    if number == ROW_LENGTH {
                        house.ledger.settle(&spent).await.expect("settled");
                        break;
                    }
                    let due = next(house).await;
                    let request = compose(&due, url);
                    let both = house.ledger.settle_and_claim(&spent, due.id, request).await;
                    let (_, Claim::Granted(next)) = both.expect("settled and claimed") else {
                        panic!("the claim is granted");
                    };
                    permit = next;
                }
            };
            house.runtime.block_on(async { time_async(all).await.0 })
        });
    }
    let title = format!("{ROWS_WAITING} rows of {ROW_LENGTH} posts that wait for one another");
    table(&title, &least, &[&row]);
    let rate = median(&least.walls()) / median(&row.walls());
    verdict("rate in a row", rate, "at least 0.8 of the bare rate", rate >= WANTED);
}

fn sum(stretches: [Took; 3]) -> Took {
    Took {
        wall: stretches.iter().map(|s| s.wall).sum(),
        cpu: stretches.iter().map(|s| s.cpu).sum(),
    }
}

fn entries(first: u32) -> Vec<oncecast::model::Entry> {
    let bytes = feed(first, Shows::Summaries, 0);
    parse::parse(&bytes, &Hints::default()).expect("a feed").entries
}

fn due(house: &House) -> DueWork {
    house.runtime.block_on(next(house))
}

async fn next(house: &House) -> DueWork {
    match house.ledger.due(LANE).await.expect("the ledger tells").work {
        Some(Work::Due(due)) => *due,
        other => panic!("a delivery is due, not {other:?}"),
    }
}

fn compose(due: &DueWork, url: &Url) -> Request {
    let adapter = registry::build(&integration(LANE, url));
    let group = group(LANE);
    let piece = Piece {
        entry: &due.entry,
        entry_id: due.entry_id,
        group: &group,
        key: &due.key,
        opened: due.opened,
        number: due.id.entry,
        now: SystemClock.now(),
    };
    let post = adapter.compose(&piece, &Default::default()).expect("composed");
    adapter.request(&post, &piece, &Default::default()).expect("a request")
}

/// The dangerous stretch as [`oncecast::flow::deliver`] walks it.
async fn carry(
    house: &House,
    wire: &Wire,
    endpoint: &Endpoint,
    url: &Url,
    due: DueWork,
    request: Request,
) -> Took {
    let stretch = async {
        let permit = claim(house, &due, request).await;
        let spent = publish(wire, permit, endpoint, url).await;
        house.ledger.settle(&spent).await.expect("settled");
    };
    time_async(stretch).await.0
}

async fn claim(house: &House, due: &DueWork, request: Request) -> Permit {
    match house.ledger.claim(due.id, request).await.expect("claimed") {
        Claim::Granted(permit) => permit,
        other => panic!("the claim is granted, not {other:?}"),
    }
}

async fn publish(wire: &Wire, permit: Permit, endpoint: &Endpoint, url: &Url) -> Spent {
    let adapter = registry::build(&integration(LANE, url));
    let secrets = CallSecrets::default();
    let spent = wire.publish(permit, endpoint, &secrets, adapter.as_ref(), &Known::default()).await;
    assert!(matches!(spent.outcome(), Outcome::Published { .. }), "{:?}", spent.outcome());
    spent
}

/// A request as a webhook's would be, for who measures without an entry.
pub(crate) fn any_request() -> Request {
    let body = serde_json::json!({ "title": "A post", "link": "https://blog.example/a" });
    Request::json(Method::Post, "", &body)
}

/// What a delivery cannot do without.
pub(crate) struct Bare {
    database: Database,
    record: File,
    client: Http,
}

impl Bare {
    pub(crate) fn open(house: &House, rounds: u32) -> Self {
        let folder = house.folder.path();
        let database = redb::Builder::new()
            .set_cache_size(CACHE_BYTES)
            .create(folder.join("bare.redb"))
            .expect("a database");
        let record = File::create(folder.join("bare.witness")).expect("a file");
        let bare = Self { database, record, client: Http::new().expect("a client") };
        (0..u64::from(rounds)).for_each(|key| bare.upsert(key));
        bare
    }

    pub(crate) fn post(&self, house: &House, url: &Url, request: &Request) {
        let outgoing = Outgoing {
            method: Method::Post,
            url: url.as_str().into(),
            headers: &request.headers,
            secret_headers: &[],
            body: &request.body.as_str().into(),
            bytes: None,
            timeout: std::time::Duration::from_secs(10),
            max_body: 1 << 20,
            reach: oncecast::wire::Reach::Anywhere,
        };
        let answer = house.runtime.block_on(self.client.send(outgoing)).expect("an answer");
        assert_eq!(answer.status, 204);
    }

    pub(crate) fn commit(&self, key: u64) {
        self.upsert(key);
        self.upsert(key);
    }

    pub(crate) fn upsert(&self, key: u64) {
        #[expect(clippy::disallowed_methods, reason = "a database of the bench's own")]
        let mut txn = self.database.begin_write().expect("a transaction");
        txn.set_quick_repair(true);
        txn.open_table(ROWS).expect("a table").insert(key, &ROW[..]).expect("a row");
        #[expect(clippy::disallowed_methods, reason = "a database of the bench's own")]
        txn.commit().expect("committed");
    }

    pub(crate) fn sync(&self) {
        (&self.record).write_all(&RECORD).and_then(|()| self.record.sync_data()).expect("on disk");
    }
}
