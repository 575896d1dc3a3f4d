//! A result on its way out of the node: as CSV over the wire, and record by record into whatever was named, whole or
//! not at all.

use std::{
    io::{self, ErrorKind, Read},
    time::Duration,
};

use bytes::{Buf, Bytes};
use datasets::{CsvSource, Files};
use records::{Datasets, Record, RecordError, RecordSource};
use tokio::{sync::mpsc, task::spawn_blocking, time::timeout};
use tonic::{Streaming, transport::Channel};
use wire::proto::{ExportResultRequest, ExportResultResponse, result_service_client::ResultServiceClient};

use crate::failure::{Failure, Status};

/// Chunks that wait to be written.
const QUEUE: usize = 4;
/// How long the node may take for one.
const PATIENCE: Duration = Duration::from_secs(60);
/// What the source is called in messages.
const PLACE: &str = "the result";

/// Where a result goes.
#[derive(Clone, Debug)]
pub struct Outlet {
    /// A file, a table or an object.
    pub address: String,
    /// Whether one that is there is replaced.
    pub overwrite: bool,
}

/// Takes a result out of a node. Gives how many records were written; nothing is there if it fails.
///
/// # Errors
/// [`Failure`] if the node refuses, what it sends breaks off, or the output cannot be written.
pub async fn export(
    mut client: ResultServiceClient<Channel>,
    request: ExportResultRequest,
    outlet: Outlet,
) -> Result<u64, Failure> {
    let answers = client.export_result(request).await.map_err(Failure::of_node)?.into_inner();
    let (to, chunks) = mpsc::channel(QUEUE);
    let writing = spawn_blocking(move || write(Chunks::of(chunks), &outlet));
    let received = receive(answers, to).await;
    let written = writing.await.map_err(Failure::other)?;
    // If it broke off, that is why it could not be written.
    received?;
    Ok(written?)
}

/// Hands over what the node sends, and that it was all. A stream that breaks off is noticed by its length.
async fn receive(mut answers: Streaming<ExportResultResponse>, to: mpsc::Sender<Part>) -> Result<(), Failure> {
    let late = |what| Failure::new(Status::Unreachable, what);
    let mut left: Option<u64> = None;
    loop {
        let answer = timeout(PATIENCE, answers.message()).await;
        let answer =
            answer.map_err(|_| late("the node does not send the rest of the result"))?.map_err(Failure::of_node)?;
        let part = match (answer, left) {
            (Some(ExportResultResponse { bytes, chunk }), _) => {
                let rest = left.unwrap_or(bytes).checked_sub(chunk.len() as u64);
                let more = || Failure::new(Status::Peer, "the node sends more than the result has");
                left = Some(rest.ok_or_else(more)?);
                Part::Chunk(chunk)
            }
            (None, Some(0)) => Part::End,
            (None, _) => return Err(late("the node broke off before the result was whole")),
        };
        let is_end = matches!(part, Part::End);
        // A writer that has failed says why.
        if to.send(part).await.is_err() || is_end {
            return Ok(());
        }
    }
}

/// Writes the records of a result to where they go.
fn write(chunks: Chunks, outlet: &Outlet) -> Result<u64, RecordError> {
    let mut source = CsvSource::new(PLACE, chunks)?;
    let mut sink = Files::new().create(&outlet.address, &source.header(), &[], outlet.overwrite)?;
    let mut record = Record::default();
    while source.read(&mut record)? {
        sink.write(&record, &[])?;
    }
    sink.commit()
}

/// What goes to the writer. Without the end it was not all.
enum Part {
    Chunk(Bytes),
    End,
}

/// What the node sends, as a file is read.
struct Chunks {
    chunks: mpsc::Receiver<Part>,
    current: Bytes,
    ended: bool,
}

impl Chunks {
    fn of(chunks: mpsc::Receiver<Part>) -> Self {
        Self { chunks, current: Bytes::new(), ended: false }
    }
}

impl Read for Chunks {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while !self.current.has_remaining() {
            match self.chunks.blocking_recv() {
                Some(Part::Chunk(chunk)) => self.current = chunk,
                Some(Part::End) => self.ended = true,
                None if self.ended => return Ok(0),
                None => return Err(io::Error::new(ErrorKind::UnexpectedEof, "it broke off")),
            }
        }
        let taken = self.current.len().min(bytes.len());
        self.current.copy_to_slice(bytes.get_mut(..taken).unwrap_or_default());
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tonic::{
        Request, Response,
        codegen::tokio_stream::{Iter, iter},
    };
    use wire::proto::{
        DeleteResultRequest, DeleteResultResponse, ListResultsRequest, ListResultsResponse,
        result_service_server::{ResultService, ResultServiceServer},
    };

    use super::*;

    fn written(chunks: &[&[u8]], is_all: bool, address: &str) -> Result<u64, RecordError> {
        let (to, from) = mpsc::channel(64);
        let parts = chunks.iter().map(|chunk| Part::Chunk(Bytes::copy_from_slice(chunk)));
        for part in parts.chain(is_all.then_some(Part::End)) {
            to.try_send(part).map_err(drop).unwrap();
        }
        drop(to);
        write(Chunks::of(from), &Outlet { address: address.to_owned(), overwrite: false })
    }

    #[test]
    fn a_result_is_written_byte_for_byte_however_it_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.csv");
        let text = "\u{feff}id,\"a, b\",姓名\r\n1,\"x\r\ny\",\u{5f20}\r\n2,,\r\n".as_bytes();
        let chunks: Vec<&[u8]> = text.chunks(5).collect();
        assert_eq!(written(&chunks, true, path.to_str().unwrap()).unwrap(), 2);
        assert_eq!(fs::read(&path).unwrap(), text);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let parquet = folder.path().join("result.parquet");
        assert_eq!(written(&[b"id,a\n1,x\n2,y\n"], true, parquet.to_str().unwrap()).unwrap(), 2);
        assert!(fs::read(parquet).unwrap().starts_with(b"PAR1"));
    }

    type Answer = Result<ExportResultResponse, tonic::Status>;

    /// A node that answers an export with what a test wants.
    struct Careless(Vec<Answer>);

    #[tonic::async_trait]
    impl ResultService for Careless {
        type ExportResultStream = Iter<std::vec::IntoIter<Answer>>;

        async fn list_results(
            &self,
            _: Request<ListResultsRequest>,
        ) -> Result<Response<ListResultsResponse>, tonic::Status> {
            Err(tonic::Status::unimplemented(""))
        }

        async fn export_result(
            &self,
            _: Request<ExportResultRequest>,
        ) -> Result<Response<Self::ExportResultStream>, tonic::Status> {
            Ok(Response::new(iter(self.0.clone())))
        }

        async fn delete_result(
            &self,
            _: Request<DeleteResultRequest>,
        ) -> Result<Response<DeleteResultResponse>, tonic::Status> {
            Err(tonic::Status::unimplemented(""))
        }
    }

    /// What becomes of answers: how it ended, and whether the writer was told that it was all.
    async fn received(answers: Vec<Answer>) -> (Result<(), Failure>, bool) {
        let mut client = ResultServiceClient::new(ResultServiceServer::new(Careless(answers)));
        let stream = client.export_result(ExportResultRequest::default()).await.unwrap().into_inner();
        let (to, mut parts) = mpsc::channel(16);
        let outcome = receive(stream, to).await;
        let mut is_all = false;
        while let Some(part) = parts.recv().await {
            is_all = matches!(part, Part::End);
        }
        (outcome, is_all)
    }

    #[tokio::test]
    async fn only_a_stream_of_the_length_that_was_announced_is_whole() {
        let answer = |bytes, chunk: &'static [u8]| Ok(ExportResultResponse { bytes, chunk: chunk.into() });
        assert_eq!(received(vec![answer(5, b"id\n"), answer(0, b"1\n")]).await, (Ok(()), true));
        let broken = || Err(tonic::Status::data_loss("the result is damaged"));
        for (answers, wanted) in [
            (vec![answer(5, b"id\n")], Status::Unreachable),
            (vec![], Status::Unreachable),
            (vec![answer(5, b"id\n"), answer(0, b"1\n2\n")], Status::Peer),
            (vec![answer(5, b"id\n"), broken()], Status::Peer),
            (vec![answer(3, b"id\n"), broken()], Status::Peer),
        ] {
            let (outcome, is_all) = received(answers).await;
            assert_eq!((outcome.unwrap_err().status, is_all), (wanted, false));
        }
    }

    #[test]
    fn what_breaks_off_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("result.csv");
        // At the end of a row or not, whether somebody noticed or was ended in the middle.
        for chunk in [&b"id\n1\n2"[..], b"id\n1\n", b"id", b""] {
            let error = written(&[chunk], false, path.to_str().unwrap()).unwrap_err();
            assert!(error.to_string().contains("broke off"), "{error}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
