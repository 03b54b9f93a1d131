//! Changing and deleting a record. A change is made only of the very version that was read: a record that
//! its author has deleted meanwhile does not come back.

use serde_json::{Value, json};

use super::{Bluesky, COLLECTION, facets, record_path, with_session};
use crate::adapter::{Adapter as _, Amending, Deed, Known, Unfit, answer};
use crate::model::{Change, Method, Request, Response};
use crate::post::template::{Fields, Mentions};

/// The next step of a change.
pub(super) fn step(
    adapter: &Bluesky,
    deed: &Deed<'_>,
    known: &Known,
    answers: &[Response],
) -> Amending {
    let (did, rkey) = match parts(deed, known) {
        Ok(parts) => parts,
        Err(why) => return answer::cannot(why),
    };
    let Some(post) = deed.post.filter(|_| deed.change == Change::Update) else {
        let body = json!({ "repo": did, "collection": COLLECTION, "rkey": rkey });
        let path = "/xrpc/com.atproto.repo.deleteRecord";
        return Amending::Ready(Request::json(Method::Post, path, &body));
    };
    let Some(there) = answers.first() else {
        return Amending::Call(with_session(known, record_path(did, rkey)));
    };
    let body = there.json();
    let (was, cid) = match (there.status, body["cid"].as_str()) {
        (200, Some(cid)) if body["value"].is_object() => (&body["value"], cid),
        (400, _) if body["error"] == "RecordNotFound" => {
            return Amending::Gone(answer::words(there));
        }
        _ => return answer::not_now(there, "cannot read the record", adapter.judge(there)),
    };
    let mut record = was.clone();
    record["text"] = json!(post.text);
    set(&mut record, "facets", facets(&post.text));
    set(&mut record, "langs", post.language.iter().map(|tag| json!(tag)).collect());
    // A card keeps its picture; what is no card is not made one.
    let fields = Fields::of(deed.piece.entry, Mentions::Keep);
    if record["embed"]["$type"] == "app.bsky.embed.external" && !fields.link.is_empty() {
        let card = &mut record["embed"]["external"];
        card["uri"] = json!(fields.link);
        card["title"] = json!(fields.title);
        card["description"] = json!(fields.summary);
    }
    if record == *was {
        return Amending::Same;
    }
    let body = json!({
        "repo": did,
        "collection": COLLECTION,
        "rkey": rkey,
        "swapRecord": cid,
        "record": record,
    });
    Amending::Ready(Request::json(Method::Post, "/xrpc/com.atproto.repo.putRecord", &body))
}

fn set(record: &mut Value, name: &str, values: Vec<Value>) {
    let Some(fields) = record.as_object_mut() else { return };
    if values.is_empty() {
        fields.remove(name);
    } else {
        fields.insert(name.to_owned(), json!(values));
    }
}

/// Account and record key of a post that is ours.
fn parts<'a>(deed: &Deed<'a>, known: &Known) -> Result<(&'a str, &'a str), Unfit> {
    let uri = deed.reference.id.as_deref().unwrap_or_default();
    let parts = uri.strip_prefix("at://").and_then(|rest| {
        let (did, rest) = rest.split_once('/')?;
        Some((did, rest.strip_prefix(COLLECTION)?.strip_prefix('/')?))
    });
    let (did, rkey) = parts.ok_or_else(|| Unfit(format!("{uri:?} is the address of no post")))?;
    if known.fact("did") != Some(did) {
        return Err(Unfit(format!("it was posted as {did}, which is not the account of now")));
    }
    Ok((did, rkey))
}
