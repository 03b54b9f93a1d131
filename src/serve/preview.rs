//! What each group would get, made by the code that sends it, with what its lane has learnt of its server.

use crate::adapter::{Known, Pictures, registry};
use crate::config::Group;
use crate::desk::preview::Preview;
use crate::desk::verb::{Answer, one};
use crate::desk::{Failure, exit};
use crate::flow::compose::{compose, piece};
use crate::flow::deliver::login_of;
use crate::ledger::{DueWork, EntryView};
use crate::model::{DeliveryId, IdempotencyKey, Override};

use super::{Facts, Shared};

impl Shared {
    /// What each group, or one, would get of an entry.
    ///
    /// # Errors
    /// Where there is no such entry or group, with its exit code.
    pub async fn preview(&self, entry: &str, group: Option<String>) -> Result<Answer, Failure> {
        let entry = one(self.ledger.as_ref(), entry).await?;
        let owed = self.ledger.owed(entry.number).await?;
        let facts = self.facts();
        if let Some(name) = &group
            && !facts.groups.iter().any(|group| group.name == *name)
        {
            let names: Vec<&str> = facts.groups.iter().map(|group| group.name.as_str()).collect();
            let words = format!("there is no group {name:?}; the config has {}", names.join(", "));
            return Err(Failure::new(exit::NO_INPUT, words));
        }
        let wanted = |one: &&Group| match &group {
            Some(name) => one.name == *name,
            None => one.feeds.contains(&entry.feed) || owed.iter().any(|due| due.group == one.name),
        };
        let groups = facts.groups.iter().filter(wanted);
        let previews = groups.filter_map(|g| self.of_group(&entry, g, &owed, &facts)).collect();
        let known = |name: &&String| {
            let mut called = facts.groups.iter().flat_map(|group| &group.rules.called);
            called.any(|known| known.eq_ignore_ascii_case(name))
        };
        let names = entry.entry.overrides.iter().flat_map(|asked| &asked.to);
        let mut unmet: Vec<String> = names.filter(|name| !known(name)).cloned().collect();
        unmet.dedup();
        Ok(Answer::Preview { entry: Box::new(entry), previews, unmet })
    }

    fn of_group(
        &self,
        entry: &EntryView,
        group: &Group,
        owed: &[DueWork],
        facts: &Facts,
    ) -> Option<Preview> {
        let integration = facts.integrations.iter().find(|i| i.name == group.integration)?;
        let now = self.clock.now();
        let stands = entry.deliveries.iter().rfind(|view| view.group == group.name);
        let due = owed.iter().find(|due| due.group == group.name).cloned();
        let due = due.unwrap_or_else(|| DueWork {
            id: DeliveryId { entry: entry.number, group: 0, generation: 1 },
            entry: entry.entry.clone(),
            entry_id: entry.id,
            group: group.name.clone(),
            key: IdempotencyKey::of(&entry.id, &group.name, 1),
            opened: now,
            attempt: 0,
            staged: None,
            by_hand: false,
            request: None,
        });
        let known = match &facts.sessions {
            Some(sessions) => sessions.load(&integration.name, &login_of(integration)),
            None => Known::default(),
        };
        let adapter = registry::build(integration);
        let carries = adapter.pictures() == Pictures::Carried;
        let made = compose(adapter.as_ref(), &piece(&due, group, now), &known);
        let (post, request, unfit) = match made {
            Ok((post, request)) => (Some(post), Some(request), None),
            Err(why) => (None, None, Some(why)),
        };
        let frozen = due.request.is_some();
        Some(Preview {
            group: group.name.clone(),
            integration: integration.name.clone(),
            kind: integration.platform.kind().to_owned(),
            stands: stands.map(|view| view.status.clone()),
            length: post.as_ref().map_or(0, |post| post.length),
            limit: post.as_ref().map_or(0, |post| post.limit),
            language: post.as_ref().and_then(|post| post.language.clone()),
            picture: post
                .as_ref()
                .and_then(|post| post.picture.clone())
                .filter(|_| carries)
                .map(|p| (p.url, p.alt)),
            warning: post.as_ref().and_then(|post| post.warning.clone()),
            asked: in_words(&entry.entry.asked(&group.rules.called)),
            text: post.map(|post| post.text),
            request: due.request.or(request),
            frozen,
            unfit,
        })
    }
}

/// What an author asks for of one group.
fn in_words(asked: &Override) -> Vec<String> {
    let skip = asked.skip.filter(|skip| *skip).map(|_| "not to go there".to_owned());
    let text = asked.text.as_ref().map(|_| "these words".to_owned());
    let pairs = [
        ("the warning", &asked.warning),
        ("the language", &asked.language),
        ("the visibility", &asked.visibility),
    ];
    let pairs =
        pairs.into_iter().filter_map(|(of, said)| Some(format!("{of} {:?}", said.as_ref()?)));
    skip.into_iter().chain(text).chain(pairs).collect()
}
