//! Targets of publishing: a bucket or a folder, accessed without the program.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_sdk_s3::primitives::ByteStream;
use futures::stream::{self, StreamExt, TryStreamExt};
use iiif_publish::store::{FolderStore, Key, Prefix, Store};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const ACCESS_KEY: &str = "iiif-publish";
const SECRET_KEY: &str = "iiif-publish-secret";

/// Variable with `name=endpoint` of servers, separated by spaces. `localstack/test.sh` starts them and sets it.
const SERVERS_VARIABLE: &str = "IIIF_PUBLISH_TEST_SERVERS";

/// Maximum number of objects read at the same time.
const READS_IN_FLIGHT: usize = 16;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("threads"));

/// A stored object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub body: Vec<u8>,
    pub mark: Option<String>,
}

/// Objects by their keys.
pub type Objects = BTreeMap<String, Object>;

pub enum Place {
    Bucket { server: String, endpoint: String, bucket: String, client: Box<Client> },
    Folder { folder: TempDir },
}

impl Place {
    /// Creates a bucket on each server that the environment names.
    pub fn buckets() -> Vec<Self> {
        let named = std::env::var(SERVERS_VARIABLE).unwrap_or_default();
        named.split_whitespace().map(Self::bucket).collect()
    }

    fn bucket(server: &str) -> Self {
        let (name, endpoint) = server.split_once('=').unwrap_or_else(|| panic!("{SERVERS_VARIABLE}: `{server}`"));
        let client = Box::new(client(endpoint));
        let bucket = format!("meetings-{}", std::process::id());
        let created = RUNTIME.block_on(client.create_bucket().bucket(&bucket).send());
        created.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        Self::Bucket { server: name.to_owned(), endpoint: endpoint.to_owned(), bucket, client }
    }

    pub fn folder() -> Self {
        Self::Folder { folder: TempDir::new().expect("a folder") }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Bucket { server, .. } => server,
            Self::Folder { .. } => "folder",
        }
    }

    pub fn endpoint(&self) -> Option<&str> {
        match self {
            Self::Bucket { endpoint, .. } => Some(endpoint),
            Self::Folder { .. } => None,
        }
    }

    /// Returns the arguments that select this target, with another endpoint if given.
    pub fn arguments(&self, endpoint: Option<&str>) -> Vec<String> {
        match self {
            Self::Bucket { endpoint: own, bucket, .. } => {
                ["--bucket", bucket, "--endpoint-url", endpoint.unwrap_or(own)].map(str::to_owned).to_vec()
            }
            Self::Folder { folder } => {
                vec!["--output".to_owned(), folder.path().to_str().expect("UTF-8").to_owned()]
            }
        }
    }

    /// Stores an object as any other program would.
    pub fn put(&self, key: &str, body: &'static [u8]) {
        match self {
            Self::Bucket { bucket, client, .. } => {
                let put = client.put_object().bucket(bucket).key(key).body(ByteStream::from_static(body));
                RUNTIME.block_on(put.send()).unwrap_or_else(|error| panic!("{}: {error:?}", self.name()));
            }
            Self::Folder { folder } => {
                let path = folder.path().join(key);
                fs::create_dir_all(path.parent().expect("a parent")).expect("created");
                fs::write(path, body).expect("written");
            }
        }
    }

    pub fn object(&self, key: &str) -> Option<Object> {
        match self {
            Self::Bucket { bucket, client, .. } => {
                let object = RUNTIME.block_on(object(client, bucket, key));
                object.unwrap_or_else(|error| panic!("{}: {error:?}", self.name()))
            }
            Self::Folder { folder } => file(folder.path(), key),
        }
    }

    /// Returns all objects whose keys begin with `prefix`.
    pub fn objects(&self, prefix: &str) -> Objects {
        match self {
            Self::Bucket { bucket, client, .. } => {
                let objects = RUNTIME.block_on(objects(client, bucket, prefix));
                objects.unwrap_or_else(|error| panic!("{}: {error:?}", self.name()))
            }
            Self::Folder { folder } => {
                let mut objects = Objects::new();
                for path in files(&folder.path().join(prefix)) {
                    let key = path.strip_prefix(folder.path()).expect("below it").to_str().expect("UTF-8");
                    objects.extend(file(folder.path(), key).map(|object| (key.to_owned(), object)));
                }
                objects
            }
        }
    }
}

/// Returns variables with the credentials of the test servers, which hide the AWS configuration of the machine.
pub fn environment() -> [(&'static str, &'static str); 6] {
    [
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_REGION", "us-east-1"),
        ("AWS_CONFIG_FILE", "/nonexistent/config"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]
}

fn client(endpoint: &str) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "tests"))
        .region(Region::from_static("us-east-1"))
        .endpoint_url(endpoint)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .force_path_style(true)
        .build();
    Client::from_conf(config)
}

async fn keys(client: &Client, bucket: &str, prefix: &str) -> Result<Vec<String>, aws_sdk_s3::Error> {
    let mut keys = Vec::new();
    let mut pages = client.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
    while let Some(page) = pages.next().await {
        keys.extend(page?.contents().iter().filter_map(|object| object.key()).map(str::to_owned));
    }
    // Some servers list the folders that contain objects.
    keys.retain(|key| !key.ends_with('/'));
    Ok(keys)
}

async fn objects(client: &Client, bucket: &str, prefix: &str) -> Result<Objects, aws_sdk_s3::Error> {
    let keys = keys(client, bucket, prefix).await?;
    let read = async |key: String| {
        let object = object(client, bucket, &key).await?;
        Ok::<_, aws_sdk_s3::Error>(object.map(|object| (key, object)))
    };
    let read: Vec<_> = stream::iter(keys).map(read).buffer_unordered(READS_IN_FLIGHT).try_collect().await?;
    Ok(read.into_iter().flatten().collect())
}

async fn object(client: &Client, bucket: &str, key: &str) -> Result<Option<Object>, aws_sdk_s3::Error> {
    let object = match client.get_object().bucket(bucket).key(key).send().await.map_err(aws_sdk_s3::Error::from) {
        Err(aws_sdk_s3::Error::NoSuchKey(_)) => return Ok(None),
        object => object?,
    };
    let mark = object.metadata().and_then(|metadata| metadata.get("iiif-publish-mark")).cloned();
    let body = object.body.collect().await.expect("the body comes to its end").to_vec();
    Ok(Some(Object { body, mark }))
}

fn file(root: &Path, key: &str) -> Option<Object> {
    let body = fs::read(root.join(key)).ok()?;
    let is_document = key.ends_with("/info.json");
    let mark = is_document.then(|| {
        let key: Key = Prefix::default().found(key).expect("a key");
        let stored = RUNTIME.block_on(FolderStore::new(root.to_owned()).get(&key)).expect("the folder can be read");
        stored.and_then(|stored| stored.mark)
    });
    Some(Object { body, mark: mark.flatten() })
}

/// Returns the files below a folder. Hidden files of killed runs are skipped, because they are swept later.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let is_hidden = |entry: &walkdir::DirEntry| entry.file_name().to_str().is_some_and(|name| name.starts_with('.'));
    // The temporary root folder has a name that begins with a dot.
    let entries =
        walkdir::WalkDir::new(folder).into_iter().filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry));
    let files = entries.filter_map(Result::ok).filter(|entry| entry.file_type().is_file());
    files.map(walkdir::DirEntry::into_path).collect()
}
