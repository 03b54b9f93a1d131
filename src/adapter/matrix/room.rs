//! Where a group's room is and whether a plain message belongs there. What is wrong with one room is
//! kept as a fact of that room, so that it holds its own group's posts and nobody else's.

use std::slice::Iter;

use super::Matrix;
use crate::adapter::{Known, Prepare, Unfit, answer};
use crate::config::Group;
use crate::model::{Response, Time};

impl Matrix {
    /// Resolves the group's room and looks whether it is encrypted, once a day. An answer that
    /// refuses the session itself comes back as the error.
    pub(super) fn enter<'a>(
        &self,
        mut known: Known,
        answers: &mut Iter<'a, Response>,
        group: &Group,
        now: Time,
    ) -> Result<Prepare, &'a Response> {
        let Some(room) = group.room.as_deref() else { return Ok(Prepare::Ready(known)) };
        let seen = known.fact(&name(room, "seen")).and_then(|ms| ms.parse().ok());
        let fresh = seen.is_some_and(|ms| now.since(Time::from_millis(ms)) < Known::FRESH_FOR);
        if fresh && known.fact(&name(room, "id")).is_some() {
            return Ok(Prepare::Ready(known));
        }
        known.facts.retain(|fact, _| !fact.starts_with(&name(room, "")));
        let id = if room.starts_with('#') {
            let Some(found) = answers.next() else {
                let path = format!("/_matrix/client/v3/directory/room/{}", answer::segment(room));
                return Ok(Prepare::Call(self.get(path, &known)));
            };
            let id = answer::object(found).and_then(|found| answer::string(&found, "room_id"));
            match (id, found.status) {
                (Some(id), _) => id,
                (None, 400 | 403 | 404) => {
                    let why = format!("there is no room {room}");
                    return Ok(closed(known, room, &why, found));
                }
                (None, 401) => return Err(found),
                (None, _) => return Ok(answer::later(found, "cannot look up the room")),
            }
        } else {
            room.to_owned()
        };
        let Some(encryption) = answers.next() else {
            let id = answer::segment(&id);
            let path = format!("/_matrix/client/v3/rooms/{id}/state/m.room.encryption");
            return Ok(Prepare::Call(self.get(path, &known)));
        };
        Ok(match encryption.status {
            401 => return Err(encryption),
            // Nothing is set: the room is open.
            404 => {
                known.facts.insert(name(room, "id"), id);
                known.facts.insert(name(room, "seen"), now.as_millis().to_string());
                Prepare::Ready(known)
            }
            200 => closed(
                known,
                room,
                &format!("the room {room} is encrypted, which oncecast cannot write; use another"),
                encryption,
            ),
            400 | 403 => {
                let why = format!("we are not in the room {room}; invite the account and join");
                closed(known, room, &why, encryption)
            }
            _ => answer::later(encryption, "cannot look at the room"),
        })
    }
}

/// The id of a group's room.
pub(super) fn id<'a>(known: &'a Known, group: &Group) -> Result<&'a str, Unfit> {
    let Some(room) = group.room.as_deref() else {
        return Err(Unfit(format!("group {:?} names no room", group.name)));
    };
    if let Some(why) = known.fact(&name(room, "closed")) {
        return Err(Unfit(why.to_owned()));
    }
    known.fact(&name(room, "id")).ok_or_else(|| Unfit(format!("the room {room} was not looked at")))
}

/// A room that takes no posts of ours until a person acts; it is looked at again each time.
fn closed(mut known: Known, room: &str, why: &str, response: &Response) -> Prepare {
    let words = match response.status {
        200 => why.to_owned(),
        _ => format!("{why} ({})", answer::words(response)),
    };
    known.facts.insert(name(room, "closed"), words);
    Prepare::Ready(known)
}

fn name(room: &str, fact: &str) -> String {
    format!("room {room} {fact}")
}
