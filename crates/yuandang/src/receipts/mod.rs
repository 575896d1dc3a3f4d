//! `yuandang receipts`: what a node signed of what it did, listed, shown, verified and counted.

mod file;
mod node;
mod show;
mod verify;

use std::path::PathBuf;

use agreement::{Digest, Event, Month, ParticipantId, Pinned, audit::Found};
use clap::Subcommand;
use tonic::transport::Channel;
use wire::proto::ListReceiptsRequest;

use crate::{
    desk::{Target, ask},
    failure::{Failure, Status},
    screen::{self, Format},
    text::{self, Lang},
};
use node::{LONGEST_PAGE, Node, Shown};
use show::{ShownChain, ShownMeter, ShownReceipt};

pub(crate) use self::{
    node::Removed,
    show::{Together, Verdict, is_pinned},
};

/// What to do with receipts.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// List receipts, newest first, or save them for somebody who verifies them
    List {
        /// Upward from this number
        #[arg(long, value_name = "NUMBER")]
        from: Option<u64>,
        /// The most that are listed [default: 100]
        #[arg(long)]
        limit: Option<u32>,
        /// Which of them
        #[command(flatten)]
        filter: Filter,
        /// Save all of them, with those of peers, one on a line as they were signed
        #[arg(long, value_name = "FILE", conflicts_with = "limit")]
        output: Option<PathBuf>,
        /// Whose, and as whom
        #[command(flatten)]
        asked: Asked,
    },
    /// Say in plain words what one receipt says, or all of a job, and whether both sides say the same
    Show {
        /// The number of a receipt
        #[arg(required_unless_present = "job", conflicts_with = "job")]
        number: Option<u64>,
        /// The id of a job
        #[arg(long, value_name = "ID")]
        job: Option<String>,
        /// Whose, and as whom
        #[command(flatten)]
        asked: Asked,
    },
    /// Check all receipts here, against the keys that the configuration pins: 4 for a key that is not, 5 for what does not hold
    Verify(verify::Arguments),
    /// Count calls and records by agreement, peer and month
    Meter {
        /// The first month, in China: 2026-01
        #[arg(long, value_name = "MONTH")]
        from: Month,
        /// The last one
        #[arg(long, value_name = "MONTH")]
        to: Month,
        /// Whose, and as whom
        #[command(flatten)]
        asked: Asked,
    },
}

/// Whose receipts, and who asks.
#[derive(Debug, clap::Args)]
pub struct Asked {
    /// Whose node is asked, of the configuration's peers: for supervisors. Otherwise this participant's own
    #[arg(long, value_name = "PARTICIPANT")]
    node: Option<ParticipantId>,
    /// Which node, and as whom
    #[command(flatten)]
    target: Target,
}

/// What a list is narrowed to.
#[derive(Debug, clap::Args)]
pub struct Filter {
    /// Of this job alone
    #[arg(long, value_name = "ID")]
    job: Option<String>,
    /// Under this agreement alone: its digest, or the first eight digits of it or more
    #[arg(long, value_name = "DIGEST")]
    agreement: Option<String>,
    /// Of this event alone: admitted, refused, succeeded, failed, disputed, …
    #[arg(long)]
    event: Option<Event>,
}

impl Filter {
    fn is_open(&self) -> bool {
        self.job.is_none() && self.agreement.is_none() && self.event.is_none()
    }

    fn request(&self, from: u64, upward: bool) -> ListReceiptsRequest {
        ListReceiptsRequest {
            from,
            upward,
            page_size: 0,
            job_id: self.job.clone().unwrap_or_default(),
            agreement: self.agreement.clone().unwrap_or_default(),
            event: self.event.map(|event| event.to_string()).unwrap_or_default(),
        }
    }
}

impl Action {
    /// Does it.
    ///
    /// # Errors
    /// [`Failure`].
    pub fn run(self, lang: Lang) -> Result<(), Failure> {
        ask(self.act(lang))
    }

    async fn act(self, lang: Lang) -> Result<(), Failure> {
        match self {
            Self::List { from, filter, output: Some(file), asked, .. } => {
                save(from.unwrap_or(1), &filter, &file, &asked, lang).await
            }
            Self::List { from, limit, filter, output: None, asked } => {
                list(from, limit.unwrap_or(100), &filter, &asked, lang).await
            }
            Self::Show { number: Some(number), asked, .. } => show_one(number, &asked, lang).await,
            Self::Show { job, asked, .. } => show_job(job.unwrap_or_default(), &asked, lang).await,
            Self::Verify(arguments) => arguments.run(lang).await,
            Self::Meter { from, to, asked } => meter(from, to, &asked, lang).await,
        }
    }
}

async fn list(from: Option<u64>, limit: u32, filter: &Filter, asked: &Asked, lang: Lang) -> Result<(), Failure> {
    let mut node = Node::connect(&asked.target, asked.node.as_ref()).await?;
    let pinned = asked.target.pins()?;
    let mut request = filter.request(from.unwrap_or(0), from.is_some());
    let (mut left, mut shown) = (limit, Vec::new());
    while left > 0 {
        request.page_size = left.min(LONGEST_PAGE);
        let page = node.page(&request).await?;
        let entries = page.entries.into_iter().take(left as usize);
        for entry in entries {
            left = left.saturating_sub(1);
            match asked.target.format {
                Format::Text => screen::line(&text::receipts::line(lang, &entry.own.signed))?,
                Format::Json => shown.push(ShownReceipt::of(&entry.own.signed, &pinned)?),
            }
        }
        match page.next {
            Some(next) => request.from = next,
            None => break,
        }
    }
    match asked.target.format {
        Format::Json => screen::json(&shown),
        Format::Text if left == limit && limit > 0 => screen::line(text::receipts::none(lang)),
        Format::Text => Ok(()),
    }
}

async fn save(from: u64, filter: &Filter, path: &std::path::Path, asked: &Asked, lang: Lang) -> Result<(), Failure> {
    let mut node = Node::connect(&asked.target, asked.node.as_ref()).await?;
    let mut file = file::Saved::create(path)?;
    let mut request = ListReceiptsRequest { page_size: LONGEST_PAGE, ..filter.request(from, true) };
    let (mut own, mut peers) = (0_u64, 0_u64);
    loop {
        let page = node.page(&request).await?;
        for entry in &page.entries {
            file.line(&entry.own.bytes)?;
            entry.peers.iter().try_for_each(|peer| file.line(&peer.bytes))?;
            own = own.saturating_add(1);
            peers = peers.saturating_add(entry.peers.len() as u64);
        }
        match page.next {
            Some(next) => request.from = next,
            None => break,
        }
    }
    file.keep()?;
    match asked.target.format {
        Format::Json => screen::json(&show::ShownSaved::of(path, own, peers)),
        Format::Text => screen::line(&text::receipts::saved(lang, path, (own, peers), filter.is_open())),
    }
}

async fn show_one(number: u64, asked: &Asked, lang: Lang) -> Result<(), Failure> {
    let mut node = Node::connect(&asked.target, asked.node.as_ref()).await?;
    let page =
        node.page(&ListReceiptsRequest { from: number, upward: true, page_size: 1, ..Default::default() }).await?;
    let found = page.entries.into_iter().find(|entry| entry.own.signed.statement().number == number);
    let missing = || match &page.chain.removed {
        Some(removed) if removed.number >= number => {
            Failure::usage(format_args!("receipts up to {} are no longer kept", removed.number))
        }
        _ => Failure::usage(format_args!("there is no receipt {number} yet")),
    };
    let entry = found.ok_or_else(missing)?;
    show(vec![entry.own], &entry.peers, asked, lang)
}

async fn show_job(job: String, asked: &Asked, lang: Lang) -> Result<(), Failure> {
    let mut node = Node::connect(&asked.target, asked.node.as_ref()).await?;
    let (own, peers) = node.job(job).await?;
    show(own, &peers, asked, lang)
}

/// Shows receipts of this node and what its peers say of the same run.
fn show(own: Vec<Shown>, peers: &[Shown], asked: &Asked, lang: Lang) -> Result<(), Failure> {
    let pinned = asked.target.pins()?;
    let together = Together::of(own, peers);
    match asked.target.format {
        Format::Json => screen::json(&together.shown(&pinned)?),
        Format::Text => screen::line(&text::receipts::together(lang, &together, &pinned)),
    }
}

async fn meter(from: Month, to: Month, asked: &Asked, lang: Lang) -> Result<(), Failure> {
    let mut node = Node::connect(&asked.target, asked.node.as_ref()).await?;
    let (lines, chain) = node.meter(from, to).await?;
    match asked.target.format {
        Format::Json => screen::json(&ShownMeter::of((from, to), &lines, ShownChain::of(&chain))),
        Format::Text => screen::line(&text::receipts::meter(lang, &lines, chain.removed.as_ref())),
    }
}

/// What a node at the other end of a connection shows of a job.
///
/// # Errors
/// [`Failure`] if it does not answer, or with something that nobody has signed.
pub(crate) async fn of_job(channel: Channel, job: &str) -> Result<Together, Failure> {
    let (own, peers) = Node::over(channel).job(job.to_owned()).await?;
    Ok(Together::of(own, &peers))
}

/// Audits all receipts of `whose` node.
///
/// # Errors
/// [`Failure`] if it does not answer, or what it shows does not hold.
pub(crate) async fn audited(channel: Channel, whose: ParticipantId, pinned: &Pinned) -> Result<Found, Failure> {
    Ok(verify::of_node(&mut Node::over(channel), (whose, pinned), None).await?.0)
}

/// A receipt's number and digest as somebody kept them.
fn seen(text: &str) -> Result<(u64, Digest), String> {
    let read = text.split_once(':').and_then(|(number, digest)| Some((number.parse().ok()?, digest.parse().ok()?)));
    read.ok_or_else(|| "a receipt is named by its number, a colon, and the 64 digits of its digest".to_owned())
}

/// What a node shows is not as its contract has it.
fn broken(problem: impl std::fmt::Display) -> Failure {
    Failure::new(Status::Peer, format_args!("the node's answer: {problem}"))
}
