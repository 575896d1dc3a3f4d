//! Results of nodes, taken out as their operators would.

use tonic::{Code, Status, transport::Channel};
use wire::{
    Duty,
    proto::{ExportResultRequest, result_service_client::ResultServiceClient},
};

use crate::{participants::BoxError, world::World};

impl World {
    /// Connects to a node for its results, as a person of a participant.
    ///
    /// # Errors
    /// If the node does not let it in.
    pub async fn results(
        &self,
        name: &str,
        person: (&str, &str, Duty),
    ) -> Result<ResultServiceClient<Channel>, BoxError> {
        Ok(ResultServiceClient::new(self.connect_as(name, person).await?))
    }

    /// Takes out what `name` has as the result of a job, as its operator; nothing if there is none.
    ///
    /// # Errors
    /// If the node refuses, or the result is not whole.
    pub async fn result(&self, name: &str, job_id: &str) -> Result<Option<String>, BoxError> {
        let mut client = self.results(name, (name, "k-17", Duty::Operator)).await?;
        match export(&mut client, job_id, ("a test", "2026/7")).await {
            Ok(bytes) => Ok(Some(String::from_utf8(bytes)?)),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(status.into()),
        }
    }
}

/// Takes a result out for a purpose and a case.
///
/// # Errors
/// What the node says; [`Code::DataLoss`] if it broke off.
pub async fn export(
    client: &mut ResultServiceClient<Channel>,
    job_id: &str,
    (purpose, case): (&str, &str),
) -> Result<Vec<u8>, Status> {
    let (purpose, case_number) = (purpose.to_owned(), case.to_owned());
    let request = ExportResultRequest { job_id: job_id.to_owned(), purpose, case_number };
    let mut chunks = client.export_result(request).await?.into_inner();
    let (mut all, mut length) = (Vec::new(), None);
    while let Some(answer) = chunks.message().await? {
        length.get_or_insert(answer.bytes);
        all.extend_from_slice(&answer.chunk);
    }
    if length == Some(all.len() as u64) { Ok(all) } else { Err(Status::data_loss("the result broke off")) }
}
