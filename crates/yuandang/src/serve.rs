//! `yuandang coordinator` and `yuandang node`: services that run until they are told to stop.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use coordinator::CoordinatorConfig;
use datasets::Files;
use node::NodeConfig;
use tokio::net::TcpListener;
use tracing::{info, level_filters::LevelFilter};

use crate::{
    failure::{Failure, Status},
    heap, logs, stop,
};

/// Arguments of both.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The configuration, in TOML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Arguments {
    /// Runs a coordinator until a signal.
    ///
    /// # Errors
    /// [`Failure`] if its configuration is wrong, its address is taken, or it cannot go on.
    pub fn coordinator(self) -> Result<(), Failure> {
        logs::to_standard_error(LevelFilter::INFO);
        let config = CoordinatorConfig::load(&self.path()?).map_err(Failure::usage)?;
        runtime()?.block_on(async {
            let stop = stop::on_signal()?;
            let listener = bind(config.listen).await?;
            coordinator::serve(config, listener, stop).await.map_err(Failure::other)?;
            info!("ended in order");
            Ok(())
        })
    }

    /// Runs a node until a signal.
    ///
    /// # Errors
    /// [`Failure`] if its configuration is wrong, its address is taken, or it cannot go on.
    pub fn node(self) -> Result<(), Failure> {
        heap::as_a_node();
        logs::to_standard_error(LevelFilter::INFO);
        let path = self.path()?;
        // Datasets stand where the configuration does, if it does not say otherwise.
        let files = path.parent().map_or_else(Files::new, Files::relative_to);
        let config = NodeConfig::load_to_serve(&path, &files).map_err(Failure::usage)?;
        runtime()?.block_on(async {
            let stop = stop::on_signal()?;
            let listener = match config.listen {
                Some(address) => Some(bind(address).await?),
                None => None,
            };
            node::serve(config, listener, Arc::new(files), stop).await.map_err(Failure::other)?;
            info!("ended in order");
            Ok(())
        })
    }

    /// The configuration's path from the root, so that paths relative to it mean the same everywhere.
    fn path(&self) -> Result<PathBuf, Failure> {
        let path = std::fs::canonicalize(&self.config);
        path.map_err(|cause| Failure::usage(format_args!("{}: {cause}", self.config.display())))
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Runtime::new().map_err(Failure::other)
}

async fn bind(address: std::net::SocketAddr) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|cause| Failure::new(Status::Usage, format_args!("{address}: {cause}")))?;
    info!(address = %listener.local_addr().map_err(Failure::other)?, "listening");
    Ok(listener)
}
