//! The longer words of the help: what a command does to the readers, and an example to type.

/// Below the list of commands.
pub(super) const FIRST_STEPS: &str = "\
First steps:
  oncecast demo                            see it work, on this machine alone
  oncecast try https://example.org/feed/   what your blog would post; nothing is sent
  oncecast check --sample > oncecast.toml  a config to cut down
  oncecast check                           is it right?
  oncecast run                             carry each post, once

Without --config the first of these is used: $ONCECAST_CONFIG,
$CONFIGURATION_DIRECTORY/oncecast.toml, $XDG_CONFIG_HOME/oncecast/oncecast.toml
(or ~/.config/oncecast/oncecast.toml), /etc/oncecast/oncecast.toml.";

pub(super) const RUN: &str = "\
Run the daemon: poll the feeds, carry each new post, answer commands.

SIGTERM drains and ends it, SIGHUP reads the config again.

Example: oncecast run --config ./oncecast.toml";

pub(super) const DEMO: &str = "\
See it work on this machine alone: the real daemon and a real ledger, a small blog (or the \
feed that you name) and three groups on loopback. New posts are published, then it does to \
itself what broke others, and shows what each group saw. It ends with 0 only if nobody saw \
anything twice.

Example: oncecast demo --feed https://example.org/feed/";

pub(super) const TRY: &str = "\
Show what a feed would post. It needs no config and sends nothing.

Example: oncecast try https://example.org/feed/ --json";

pub(super) const CHECK: &str = "\
Check the config, its secrets, the ledger and the clock, and change nothing. Every fault is \
told at once, with file, line, key and fix.

Example: oncecast check --config ./oncecast.toml";

pub(super) const PLATFORMS: &str = "\
Tell what a platform needs: how to get its token and with which rights, and the lines that a \
config takes. Without a name, the platforms that there are.

Example: oncecast platforms mastodon";

pub(super) const STATUS: &str = "\
Show feeds, lanes, and every delivery that is owed, held or in doubt.

Example: oncecast status --json";

pub(super) const WHY: &str = "\
Tell all that is known of an entry: who heard it, when and how we know, who did not, and \
why.

Example: oncecast why https://example.org/2026/hello/";

pub(super) const PREVIEW: &str = "\
Show exactly what each group would get of an entry, with its length as the platform counts \
it and the limit, made by the code that sends it. Nothing is sent.

Example: oncecast preview https://example.org/2026/hello/ --group followers";

pub(super) const REPLAY: &str = "\
Send one entry by hand to the groups that have not had it, even if it has long left the \
feed. A group that has it, or may have it, is refused with the receipt shown, unless --again \
and a reason ask for a deliberate repeat. Caps and breakers still hold.

Example: oncecast replay https://example.org/2026/hello/ --group followers --dry-run";

pub(super) const HAND: &str = "\
Post by hand in the groups that no API reaches (kind = \"by-hand\"), each post once.

Without an argument it lists what waits, with the next good time. --open makes one yours, so \
that nobody else posts it, and prints its finished text; then post it, and say --done. What \
was begun and not said is asked about after half an hour, and never offered again as new.

Example: oncecast hand 1f3a/rust-group --open | wl-copy";

pub(super) const PAGE: &str = "\
Print a link to the daemon's page. The browser that opens it first may begin posts and tick \
them off, for seven days; without it the page can only be read. To end all such sessions, \
delete sessions/page.key beside the ledger and restart the daemon.

Example: oncecast page";

pub(super) const RELEASE: &str = "\
Let entries go that are held for a person: after a burst, as a near duplicate, as too old. \
Caps and pace still hold.

Example: oncecast release 3f9a --group followers";

pub(super) const WITHDRAW: &str = "\
Say that an entry that is held or owed will not be sent. What has been sent stays: that is \
taken away by oncecast retract.

Example: oncecast withdraw 3f9a --group followers --reason \"written for another blog\"";

pub(super) const RETRACT: &str = "\
Take away what readers have of an entry: every post of it that is known, or that of one group. \
Shows what would be done and asks first. Where a person can undo it, that way is taken: a \
WordPress post goes to the bin, a Ghost post becomes a draft. A post that is not there any more \
counts as taken away. What was taken away stays so: only replay --again sends it anew.

Where the platform cannot do it, take it away by hand and say so with --done.

Example: oncecast retract 3f9a --group followers --dry-run";

pub(super) const ADOPT: &str = "\
Read what the account of a group has posted already, by whatever hand, and take it for what the \
group has heard: for whoever moves here from another tool, so that nothing is told twice. It is \
shown first, and asked about; nothing is ever written to the platform.

A post is known by the links that it bears. An entry that is held, owed, settling or in doubt \
becomes published there; a link that no feed has shown yet is remembered for this group alone. \
What is being sent at this moment is left as it is. It may be run again at any time.

End the other tool first, or give the group preflight = true while both run. Where a platform \
shows nothing of what it has (by hand, a webhook), write the links into a file, one a line, with \
the address of the post behind it where you know it, and use --links. It ends with 1 where not \
all of the account could be read.

Example: oncecast adopt followers --since 2026-01-31 --dry-run";

pub(super) const AUDIT: &str = "\
Read what stands on the account of each group, some hundreds of posts back, and hold it against \
the ledger: posts that are not of it, and posts of one entry that stand there more than once, \
whoever made them. It changes nothing. Of a platform that does not show what was posted there it \
says that it cannot be seen (oncecast platforms KIND tells). It ends with 1 where something stands \
there twice.

Example: oncecast audit --group followers --json";

pub(super) const REALIAS: &str = "\
Say that held entries are known ones under other names, as after a move of the blog that gave every \
post another link and guid. Each held entry is shown with the known one that it looks like, and by \
what; once you have said yes, all of them are taken for those in one step, and are never sent. What \
looks like nothing known stays held.

Example: oncecast realias blog --dry-run";

pub(super) const PAUSE: &str = "\
Stop a lane (an integration) until it is resumed, across restarts. What is owed waits.

Example: oncecast pause fedi --reason \"moving servers\"";

pub(super) const RESUME: &str = "\
Let a lane (an integration) go on that was paused, or that has stopped itself over its \
credentials. --all also undoes stop-all.

Example: oncecast resume fedi";

pub(super) const STOP_ALL: &str = "\
Stop every lane, now and across restarts, until oncecast resume --all. A file named STOP in \
the state folder does the same, even when the daemon hangs.

Example: oncecast stop-all --reason \"something is wrong\"";

pub(super) const RESOLVE: &str = "\
Say whether a delivery in doubt is there, after looking at the place where it would be. If \
it is there it is settled; if it is absent it is sent once more.

Example: oncecast resolve 12.1.1 --published https://mastodon.example/@me/1";

/// The derived one has the delivery last, where `--published` would take it for its address.
pub(super) const RESOLVE_USAGE: &str = "\
oncecast resolve <DELIVERY> <--published [URL] | --absent> [OPTIONS]";

pub(super) const RELOAD: &str = "\
Ask the daemon to read its config again. A config with faults changes nothing, and the \
faults are told.

Example: oncecast reload";

pub(super) const PLAN: &str = "\
Ask each feed as its next poll will, and say what would come of it: what is new and by what it \
would be known, what would be held and why, for which groups and when it would go out, and when \
the feed is asked next and why. Nothing is sent and nothing is written. It works while the daemon \
runs and while it does not.

Example: oncecast plan blog";

pub(super) const POLL: &str = "\
Ask for a feed now. A feed that is gone for good, as its server said, is asked again only so; \
and a server's wish to be left alone is overridden, so be sure of it.

Example: oncecast poll blog";

pub(super) const LEDGER: &str = "\
Prove, export, back up or mend the ledger: the durable memory of what was sent.

Example: oncecast ledger verify";

pub(super) const INIT: &str = "\
Begin an empty ledger where there is none. What the feeds show at that moment is remembered \
and not sent, since readers may have had it.

Example: oncecast ledger init";

pub(super) const ADOPT_RESTORED: &str = "\
Go on with a ledger that was restored from a backup or moved to another machine. Whatever it \
may have forgotten is not sent again: posts of before that are new to it are held for a person.

Example: oncecast ledger adopt-restored";

pub(super) const VERIFY: &str = "\
Prove that every row is whole, that the journal's chain is unbroken, and that each delivery \
stands where its own lines say and was published at most once.

Example: oncecast ledger verify";

pub(super) const EXPORT: &str = "\
Write the record of what was posted. It holds posts, groups, what became of each, and the \
hash-chained journal; no secrets. As jsonl it can be checked by anybody and imported again; \
as html it is one page that says in plain words what was posted, how often, and how to check \
it. A running daemon goes on meanwhile.

Example: oncecast ledger export --format html --output record.html";

pub(super) const BACKUP: &str = "\
Copy the ledger into FILE as it is at one moment, and verify the copy; a running daemon goes \
on meanwhile. Never copy the open file itself. A backup that is put back sends nothing before \
oncecast ledger adopt-restored, since it does not know what was sent after it.

Example: oncecast ledger backup /var/backups/oncecast-2026-01-02.redb";

pub(super) const IMPORT: &str = "\
Begin a new ledger out of what oncecast ledger export has written. What was published stays \
published; what was owed or under way is in doubt, since it may have been sent after the \
export; nothing is sent by itself. End the other daemon first.

Example: oncecast ledger import record.jsonl";

pub(super) const COMPACT: &str = "\
Make the ledger's file smaller, while no daemon runs. A new file is written, verified, and \
only then takes the place of the old one: a kill at any moment leaves one of the two.

Example: oncecast ledger compact";
