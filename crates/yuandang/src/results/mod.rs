//! `yuandang result`: what this participant's node has of results, at that node.

pub mod export;
pub(crate) mod show;

use agreement::printable;
use clap::Subcommand;
use datasets::public_name;
use tonic::transport::Channel;
use wire::proto::{
    DeleteResultRequest, ExportResultRequest, ListResultsRequest, ResultInfo,
    result_service_client::ResultServiceClient,
};

use crate::{
    desk::{MAX_MESSAGE, Target, ask},
    failure::{Failure, Status},
    match_files::check_output,
    screen::{self, Format},
    stop,
    text::{self, Lang},
    wording::impersonal,
};
use export::Outlet;
use show::{Exported, ShownResult};

/// What to do with results.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// List results, newest first, with those that should be gone
    List {
        /// Only those that should be gone and are not
        #[arg(long)]
        overdue: bool,
        /// The most that are listed
        #[arg(long, default_value_t = 100)]
        limit: u32,
        /// Which node, and as whom
        #[command(flatten)]
        target: Target,
    },
    /// Take a result out; the node notes who did, what for and in which case, before it gives a byte
    Export {
        /// The job
        #[arg(value_name = "JOB")]
        job_id: String,
        /// What it is taken out for
        #[arg(long, value_parser = impersonal)]
        purpose: String,
        /// The number of the case
        #[arg(long, value_name = "NUMBER")]
        case: String,
        /// Where it goes: a CSV or Parquet file, a table or an object
        #[arg(long, value_name = "FILE|URL")]
        output: String,
        /// Replace an output that is there
        #[arg(long)]
        overwrite: bool,
        /// Which node, and as whom
        #[command(flatten)]
        target: Target,
    },
    /// Destroy the key of a result before it is due, so that nobody can read it
    Delete {
        /// The job
        #[arg(value_name = "JOB")]
        job_id: String,
        /// Why; it stands in the receipt
        #[arg(long, value_parser = impersonal)]
        reason: String,
        /// Which node, and as whom
        #[command(flatten)]
        target: Target,
    },
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
            Self::List { overdue, limit, target } => {
                list(ListResultsRequest { page_size: limit, overdue }, &target, lang).await
            }
            Self::Export { job_id, purpose, case, output, overwrite, target } => {
                check_output(output.as_ref(), overwrite, &[])?;
                let request = ExportResultRequest { job_id: job_id.clone(), purpose, case_number: case };
                let outlet = Outlet { address: output.clone(), overwrite };
                let stop = stop::on_signal()?;
                let rows = tokio::select! {
                    rows = export::export(client(&target).await?, request, outlet) => rows?,
                    () = stop.cancelled() => return Err(Failure::stopped()),
                };
                let output = public_name(&output);
                match target.format {
                    Format::Json => screen::json(&Exported { job_id, rows, output }),
                    Format::Text => screen::line(&text::results::exported(lang, rows, &output)),
                }
            }
            Self::Delete { job_id, reason, target } => {
                let answer = client(&target)
                    .await?
                    .delete_result(DeleteResultRequest { job_id, reason })
                    .await
                    .map_err(Failure::of_node)?;
                let none = || Failure::new(Status::Peer, "the node answers without a result");
                print(&answer.into_inner().result.ok_or_else(none)?, target.format, lang)
            }
        }
    }
}

async fn client(target: &Target) -> Result<ResultServiceClient<Channel>, Failure> {
    Ok(ResultServiceClient::new(target.connect().await?).max_decoding_message_size(MAX_MESSAGE))
}

fn print(info: &ResultInfo, format: Format, lang: Lang) -> Result<(), Failure> {
    match format {
        Format::Json => screen::json(&ShownResult::of(info)),
        Format::Text => screen::line(&text::results::line(lang, info)),
    }
}

async fn list(request: ListResultsRequest, target: &Target, lang: Lang) -> Result<(), Failure> {
    let all = client(target).await?.list_results(request).await.map_err(Failure::of_node)?.into_inner().results;
    match target.format {
        Format::Json => screen::json(&all.iter().map(ShownResult::of).collect::<Vec<_>>()),
        Format::Text if all.is_empty() => screen::line(text::results::none(lang)),
        Format::Text => {
            all.iter().try_for_each(|info| screen::line(&text::results::line(lang, info)))?;
            let overdue: Vec<String> =
                all.iter().filter(|info| info.overdue).map(|info| printable(&info.job_id, 64)).collect();
            if overdue.is_empty() { Ok(()) } else { screen::line(&text::results::overdue(lang, &overdue)) }
        }
    }
}
