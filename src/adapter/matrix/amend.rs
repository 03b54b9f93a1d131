//! Editing and redacting a message. An edit is an event of its own, which clients show in the place of the
//! first; to one that was redacted none is sent, since some would show it by itself.

use serde_json::{Value, json};

use super::{MARK, Matrix};
use crate::adapter::{Adapter as _, Amending, Deed, Known, answer};
use crate::model::{Change, Method, Request, Response};
use crate::post::markup;

const ROOMS: &str = "/_matrix/client/v3/rooms";
const MATRIX_TO: &str = "https://matrix.to/#/";

/// The next step of a change.
pub(super) fn step(
    adapter: &Matrix,
    deed: &Deed<'_>,
    known: &Known,
    answers: &[Response],
) -> Amending {
    let id = match deed.id() {
        Ok(id) => id,
        Err(why) => return answer::cannot(why),
    };
    let Some(room) = room_of(deed) else {
        return Amending::Cannot("it is not known in which room it stands".to_owned());
    };
    let (key, event) = (deed.piece.key, answer::segment(id));
    let Some(post) = deed.post.filter(|_| deed.change == Change::Update) else {
        // <https://spec.matrix.org/latest/client-server-api/#redactions>
        let path = format!("{ROOMS}/{room}/redact/{event}/{key}-retract");
        return Amending::Ready(Request::json(Method::Put, path, &json!({})));
    };
    let Some(there) = answers.first() else {
        return Amending::Call(adapter.get(format!("{ROOMS}/{room}/event/{event}"), known));
    };
    let picture = match (answer::object(there), there.status) {
        (Some(event), _) if event["content"]["body"].is_string() => {
            picture(event["content"]["formatted_body"].as_str().unwrap_or_default()).to_owned()
        }
        (Some(_), _) => return Amending::Gone("it was redacted there".to_owned()),
        (None, 404) => return Amending::Gone(answer::words(there)),
        (None, _) => {
            return answer::not_now(there, "cannot look at the message", adapter.judge(there));
        }
    };
    let mut whole = content(&post.text, "", &picture);
    whole[MARK] = json!(key.as_str());
    // Clients that know no edits show this; the others what stands in it.
    // <https://spec.matrix.org/latest/client-server-api/#event-replacements>
    let mut body = content(&post.text, "* ", &picture);
    body["m.new_content"] = whole;
    body["m.relates_to"] = json!({ "rel_type": "m.replace", "event_id": id });
    // Each edit has an id of its own, also one back to what was said before.
    let path = format!("{ROOMS}/{room}/send/m.room.message/{key}-{}", deed.piece.now.as_millis());
    Amending::Ready(Request::json(Method::Put, path, &body))
}

/// The picture at the end of a message of ours, which an edit keeps.
fn picture(html: &str) -> &str {
    html.rfind("<br><img src=\"mxc://").map(|at| &html[at..]).unwrap_or_default()
}

fn content(text: &str, before: &str, picture: &str) -> Value {
    json!({
        "msgtype": "m.text",
        "body": format!("{before}{text}"),
        "format": "org.matrix.custom.html",
        "formatted_body": format!("{before}{}{picture}", markup::inline(text)),
        "m.mentions": {},
    })
}

/// The room that the message stands in, encoded: the group may have moved since, and another room would say
/// that there is no such message.
fn room_of<'a>(deed: &Deed<'a>) -> Option<&'a str> {
    let (room, _) = deed.reference.url.as_deref()?.strip_prefix(MATRIX_TO)?.split_once('/')?;
    Some(room)
}
