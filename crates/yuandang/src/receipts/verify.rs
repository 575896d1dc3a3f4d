//! `receipts verify`: an audit of a node's chain, from the node or from a file. Nothing is believed but signatures.

use std::path::{Path, PathBuf};

use agreement::{Audit, Digest, Flaw, ParticipantId, Pinned, Receipt, Signed, audit::Found};
use wire::proto::ListReceiptsRequest;

use super::{
    broken,
    file::Lines,
    node::{Chain, LONGEST_PAGE, Node},
    seen,
    show::{ShownChain, Verified},
};
use crate::{
    desk::Target,
    failure::{Failure, Status},
    screen::{self, Format},
    text::{self, Lang},
};

/// Years for which every node keeps its receipts, at least.
const LEAST_YEARS: u16 = 3;
/// A clock may be set, and a day be counted otherwise.
const LEEWAY: u64 = 2 * 86_400;

/// What is verified, and by whose pins.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A file of `receipts list --output`; no node is asked
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The file may begin after receipt 1: what is before is no longer kept
    #[arg(long, requires = "file")]
    part: bool,
    /// Whose receipts, of the configuration's peers: for supervisors. Otherwise this participant's own
    #[arg(long, value_name = "PARTICIPANT")]
    node: Option<ParticipantId>,
    /// The last receipt of an earlier check, which has to be there still
    #[arg(long, value_name = "NUMBER:DIGEST", value_parser = seen)]
    seen: Option<(u64, Digest)>,
    /// The configuration of this participant's node: whom it has pinned
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The certificate of the person who asks (yuandang cert issue --person)
    #[arg(long, value_name = "FILE", required_unless_present = "file")]
    cert: Option<PathBuf>,
    /// Its private key
    #[arg(long, value_name = "FILE", required_unless_present = "file")]
    key: Option<PathBuf>,
    /// How the answer is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Arguments {
    pub(super) async fn run(self, lang: Lang) -> Result<(), Failure> {
        let Self { file, part, node, seen, config, cert, key, format } = self;
        let target = Target { config, cert: cert.unwrap_or_default(), key: key.unwrap_or_default(), format };
        let pinned = target.pins()?;
        let whose = match &node {
            Some(node) => node.clone(),
            None => target.participant()?,
        };
        let (found, chain) = match file {
            Some(file) => (of_file((&file, part), (whose, &pinned), seen)?, None),
            None => {
                let mut asked = Node::connect(&target, node.as_ref()).await?;
                let (found, chain) = of_node(&mut asked, (whose, &pinned), seen).await?;
                (found, Some(chain))
            }
        };
        match format {
            Format::Json => screen::json(&Verified { found: &found, chain: chain.as_ref().map(ShownChain::of) })?,
            Format::Text => {
                let removed = chain.as_ref().and_then(|chain| chain.removed.as_ref());
                screen::line(&text::receipts::verified(lang, &found, removed, seen.map(|(number, _)| number)))?;
            }
        }
        match found.disputed {
            0 => Ok(()),
            disputed => {
                let said = format_args!("both sides' receipts differ: {disputed} disputes");
                Err(Failure::new(Status::Peer, said))
            }
        }
    }
}

/// All that a node shows, page by page.
pub(super) async fn of_node(
    node: &mut Node,
    (whose, pinned): (ParticipantId, &Pinned),
    seen: Option<(u64, Digest)>,
) -> Result<(Found, Chain), Failure> {
    let mut request = ListReceiptsRequest { upward: true, page_size: LONGEST_PAGE, ..ListReceiptsRequest::default() };
    let mut page = node.page(&request).await?;
    in_its_years(&page.chain)?;
    let before = page.chain.removed.as_ref().map_or((0, None), |removed| (removed.number, Some(removed.digest)));
    let mut audit = Audit::new(whose.clone(), pinned, Some(before)).that_holds(seen);
    loop {
        for entry in &page.entries {
            if *entry.own.signed.signer() != whose {
                return Err(broken(format_args!("a receipt of {} in the chain of {whose}", entry.own.signed.signer())));
            }
            audit.take(&entry.own.signed).map_err(refused)?;
            entry.peers.iter().try_for_each(|peer| audit.take(&peer.signed)).map_err(refused)?;
        }
        let last = audit.last().unwrap_or(0);
        match page.next {
            Some(next) if last.checked_add(1) == Some(next) => request.from = next,
            Some(next) => return Err(broken(format_args!("receipt {next} is to follow receipt {last}"))),
            None if page.chain.last > last => {
                let end = page.chain.last;
                return Err(broken(format_args!("its chain ends with receipt {end}, and it shows {last} as the last")));
            }
            None => return Ok((audit.finish().map_err(refused)?, page.chain)),
        }
        page = node.page(&request).await?;
    }
}

/// A node removes no receipt before its years are over.
fn in_its_years(chain: &Chain) -> Result<(), Failure> {
    let Some(removed) = &chain.removed else { return Ok(()) };
    let now = node::clock::now().map_err(Failure::other)?;
    if removed.at <= now.years_before(LEAST_YEARS).plus(LEEWAY) {
        return Ok(());
    }
    let (number, at) = (removed.number, removed.at);
    Err(broken(format_args!("it has removed receipt {number} of {at}, and keeps receipts for {LEAST_YEARS} years")))
}

/// What a file holds.
fn of_file(
    (path, part): (&Path, bool),
    (whose, pinned): (ParticipantId, &Pinned),
    seen: Option<(u64, Digest)>,
) -> Result<Found, Failure> {
    let mut lines = Lines::open(path)?;
    let mut audit = Audit::new(whose, pinned, None).that_holds(seen);
    while let Some((number, line)) = lines.next()? {
        let place = |flaw: Flaw| {
            let Failure { status, message } = refused(flaw);
            Failure::new(status, format_args!("{}, line {number}: {message}", path.display()))
        };
        let receipt: Signed<Receipt> = Signed::from_bytes(&line).map_err(|error| {
            let after =
                audit.last().map_or_else(|| "at the beginning".to_owned(), |last| format!("after receipt {last}"));
            place(Flaw::Broken(format!("{after}: {error}")))
        })?;
        audit.take(&receipt).map_err(place)?;
    }
    let end = |flaw| {
        let Failure { status, message } = refused(flaw);
        Failure::new(status, format_args!("{}: {message}", path.display()))
    };
    let found = audit.finish().map_err(end)?;
    let Some(first) = found.first else {
        return Err(Failure::new(Status::Data, format_args!("{}: there is no receipt in it", path.display())));
    };
    // An earlier check that this goes on from has seen what was before.
    if first.number > 1 && !part && found.holds_earlier != Some(true) {
        let number = first.number;
        return Err(end(Flaw::Broken(format!(
            "receipt {number} is not the first. If those before it are no longer kept, say --part; if an earlier check has \
             seen them, name its last one by --seen"
        ))));
    }
    Ok(found)
}

fn refused(flaw: Flaw) -> Failure {
    let status = match flaw {
        Flaw::Broken(_) => Status::Peer,
        Flaw::NotPinned { .. } => Status::Refused,
    };
    Failure::new(status, flaw)
}
