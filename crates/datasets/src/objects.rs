//! Objects in S3 and OSS: which store is meant, and what its errors mean.
//!
//! Settings come from the environment. `AWS_…` are those of Amazon's own tools: `AWS_ACCESS_KEY_ID`,
//! `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`, and `AWS_ENDPOINT` for another store that
//! speaks the protocol. `OSS_ENDPOINT`, `OSS_REGION`, `OSS_ACCESS_KEY_ID`, `OSS_ACCESS_KEY_SECRET` and
//! `OSS_SESSION_TOKEN` are Alibaba Cloud's.

mod sink;
mod source;
#[cfg(test)]
mod tests;

use std::{env, io::ErrorKind, sync::Arc, time::Duration};

use object_store::{
    ClientOptions, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, S3ConditionalPut},
    path::Path as Key,
};
use records::RecordError;

use crate::{
    address::{ObjectName, Store, wrong},
    fault,
};

pub(crate) use self::{sink::NewObject, source::open};

/// The most that is shown of what a store or the network said.
const SHOWN: usize = 300;

/// An object, and the store that has it or will.
#[derive(Clone)]
pub(crate) struct Object {
    store: Arc<dyn ObjectStore>,
    key: Key,
    place: String,
    /// Whether the store can refuse to replace an object in the request that writes it.
    creates: bool,
}

impl Object {
    /// The object that `name` names. Nothing is asked of the store yet.
    ///
    /// # Errors
    /// [`RecordError::Address`] if a setting is missing, or the name is none.
    pub(crate) fn of(name: &ObjectName) -> Result<Self, RecordError> {
        let builder = match name.store {
            Store::S3 => amazon()?,
            Store::Oss => alibaba(&name.bucket)?,
        };
        let scheme = match name.store {
            Store::S3 => "s3",
            Store::Oss => "oss",
        };
        let client =
            ClientOptions::new().with_connect_timeout(Duration::from_secs(10)).with_timeout(Duration::from_secs(120));
        let retry = RetryConfig { max_retries: 3, retry_timeout: Duration::from_secs(60), ..RetryConfig::default() };
        // An address without TLS is used where the operator wrote one, and nowhere else.
        let plain = endpoint(name.store).is_some_and(|endpoint| endpoint.starts_with("http://"));
        let store = builder
            .with_bucket_name(&name.bucket)
            .with_client_options(client.with_allow_http(plain))
            .with_retry(retry)
            .build()
            .map_err(|error| wrong(format!("{scheme}://{}: {}", name.bucket, shown(&error))))?;
        Self::in_store(Arc::new(store), scheme, name)
    }

    fn in_store(store: Arc<dyn ObjectStore>, scheme: &str, name: &ObjectName) -> Result<Self, RecordError> {
        let key = Key::parse(&name.key).map_err(|_| wrong(format!("{:?} cannot be the key of an object", name.key)))?;
        let place = format!("{scheme}://{}/{}", name.bucket, name.key);
        Ok(Self { store, key, place, creates: name.store == Store::S3 })
    }

    /// What an error means to an operator. A store's own words may have keys in them where it refuses them.
    fn describe(&self, error: object_store::Error) -> RecordError {
        use object_store::Error;
        let failed = |kind, problem: &str| fault::failed(&self.place, kind, problem);
        match error {
            Error::NotFound { .. } => failed(ErrorKind::NotFound, "there is no such object, or no such bucket"),
            Error::AlreadyExists { .. } => RecordError::Exists(self.place.clone()),
            Error::Precondition { .. } | Error::NotModified { .. } => RecordError::Changed(self.place.clone()),
            Error::PermissionDenied { .. } => {
                failed(ErrorKind::PermissionDenied, "the store refuses access; check the rights of the access key")
            }
            Error::Unauthenticated { .. } => {
                failed(ErrorKind::PermissionDenied, "the store does not know the access key; check the environment")
            }
            other => failed(ErrorKind::Other, &shown(&other)),
        }
    }
}

/// The first line of an error and its causes.
fn shown(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = next.source();
    }
    text.lines().next().unwrap_or_default().chars().take(SHOWN).collect()
}

fn set(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn endpoint(store: Store) -> Option<String> {
    match store {
        Store::S3 => set("AWS_ENDPOINT_URL_S3").or_else(|| set("AWS_ENDPOINT")).or_else(|| set("AWS_ENDPOINT_URL")),
        Store::Oss => set("OSS_ENDPOINT"),
    }
}

fn amazon() -> Result<AmazonS3Builder, RecordError> {
    let known = ["AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"];
    let open = ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_SKIP_SIGNATURE"];
    // Otherwise an address of Amazon's own machines would be asked, and waited for.
    if !known.iter().chain(&open).any(|name| set(name).is_some()) {
        return Err(wrong("s3:// needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment"));
    }
    let mut builder = AmazonS3Builder::from_env();
    if let Some(endpoint) = endpoint(Store::S3) {
        builder = builder.with_endpoint(endpoint);
    }
    Ok(builder.with_conditional_put(S3ConditionalPut::ETagMatch))
}

fn alibaba(bucket: &str) -> Result<AmazonS3Builder, RecordError> {
    let needed = |name: &str| set(name).ok_or_else(|| wrong(format!("oss:// needs {name} in the environment")));
    let (endpoint, region) = (needed("OSS_ENDPOINT")?, set("OSS_REGION"));
    let mut builder = AmazonS3Builder::new()
        .with_access_key_id(needed("OSS_ACCESS_KEY_ID")?)
        .with_secret_access_key(needed("OSS_ACCESS_KEY_SECRET")?)
        .with_region(region.unwrap_or_else(|| "oss".to_owned()))
        .with_unsigned_payload(true)
        .with_conditional_put(S3ConditionalPut::Disabled);
    if let Some(token) = set("OSS_SESSION_TOKEN") {
        builder = builder.with_token(token);
    }
    // OSS wants the bucket in the host's name; a server of one's own mostly in the path.
    if set("OSS_PATH_STYLE").is_some_and(|value| value == "true") {
        return Ok(builder.with_endpoint(endpoint));
    }
    let host = match endpoint.split_once("://") {
        Some((scheme, host)) => format!("{scheme}://{bucket}.{host}"),
        None => format!("https://{bucket}.{endpoint}"),
    };
    Ok(builder.with_endpoint(host).with_virtual_hosted_style_request(true))
}
