//! Where a group's channel is and whether a plain message belongs there. What is wrong with one channel
//! is kept as a fact of that channel, so that it holds its own group's posts and nobody else's.

use super::Discord;
use crate::adapter::{Known, Prepare, Unfit, answer};
use crate::config::Group;
use crate::model::{Response, Time};

/// Channels that hold only threads or other channels.
/// <https://discord.com/developers/docs/resources/channel#channel-object-channel-types>
const FORUM: u64 = 15;
const MEDIA: u64 = 16;
const CATEGORY: u64 = 4;

impl Discord {
    /// Looks up the group's channel, once a day.
    pub(super) fn enter(
        &self,
        mut known: Known,
        answer: Option<&Response>,
        group: &Group,
        now: Time,
    ) -> Prepare {
        let Some(channel) = group.room.as_deref() else { return Prepare::Ready(known) };
        let seen = known.fact(&name(channel, "seen")).and_then(|ms| ms.parse().ok());
        let fresh = seen.is_some_and(|ms| now.since(Time::from_millis(ms)) < Known::FRESH_FOR);
        if fresh {
            return Prepare::Ready(known);
        }
        let Some(found) = answer else {
            return Prepare::Call(self.get(format!("/channels/{}", answer::segment(channel))));
        };
        known.facts.retain(|fact, _| !fact.starts_with(&name(channel, "")));
        let why = match (answer::object(found), found.status) {
            (Some(body), _) => match body["type"].as_u64() {
                Some(FORUM | MEDIA) => format!(
                    "the channel {channel} takes only threads; name one of its threads instead"
                ),
                Some(CATEGORY) => {
                    format!("{channel} is a category; name a channel within it instead")
                }
                _ => {
                    let guild = answer::string(&body, "guild_id");
                    let guild = guild.unwrap_or_else(|| "@me".to_owned());
                    known.facts.insert(name(channel, "guild"), guild);
                    known.facts.insert(name(channel, "seen"), now.as_millis().to_string());
                    return Prepare::Ready(known);
                }
            },
            (None, 401) => {
                return answer::denied(found, &format!("the token from {}", self.token.source));
            }
            // 10003 unknown channel, 50001 missing access.
            (None, 400 | 403 | 404) => format!(
                "the bot does not see the channel {channel}; invite it, and let it view the channel, \
                 send messages and read message history ({})",
                answer::words(found)
            ),
            (None, _) => return answer::later(found, "cannot look at the channel"),
        };
        // It takes no posts of ours until a person acts, and is looked at again each time.
        known.facts.insert(name(channel, "closed"), why);
        Prepare::Ready(known)
    }
}

/// The group's channel, if it takes posts.
pub(super) fn open<'a>(known: &Known, group: &'a Group) -> Result<&'a str, Unfit> {
    let Some(channel) = group.room.as_deref() else {
        return Err(Unfit(format!("group {:?} names no channel", group.name)));
    };
    match known.fact(&name(channel, "closed")) {
        Some(why) => Err(Unfit(why.to_owned())),
        None => Ok(channel),
    }
}

/// Where a person sees a message.
pub(super) fn link(known: &Known, channel: &str, message: &str) -> Option<String> {
    let guild = known.fact(&name(channel, "guild"))?;
    Some(format!("https://discord.com/channels/{guild}/{channel}/{message}"))
}

fn name(channel: &str, fact: &str) -> String {
    format!("channel {channel} {fact}")
}
