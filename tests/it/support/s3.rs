//! S3 servers: s3s-fs in this process, the oddest of stores, and whichever others the environment names.

use super::faults::{Fault, FaultServer, Scope};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CorsConfiguration, CorsRule, IndexDocument, WebsiteConfiguration};
use futures::future::try_join_all;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::LazyLock;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub const ACCESS_KEY: &str = "iiif-publish";
pub const SECRET_KEY: &str = "iiif-publish-secret";

/// `name=endpoint` of further servers, separated by spaces. `localstack/test.sh` starts them and sets this.
const SERVERS_VARIABLE: &str = "IIIF_PUBLISH_TEST_SERVERS";

/// A server that checks signatures, unless it is known not to.
#[derive(Clone, Debug)]
pub struct Server {
    pub name: String,
    pub endpoint: String,
}

impl Server {
    /// LocalStack and the odd store take any credentials.
    pub fn checks_credentials(&self) -> bool {
        !matches!(self.name.as_str(), "localstack" | ODD)
    }

    /// The odd store has every bucket but the one that is missing.
    fn makes_buckets(&self) -> bool {
        self.name != ODD
    }

    /// s3s-fs lists no ETags, and those of the odd store are no digests.
    pub fn lists_digests(&self) -> bool {
        !matches!(self.name.as_str(), "s3s-fs" | ODD)
    }

    /// LocalStack 4.13 does not get over clients that are killed in the middle of a put: it never again gives the object's
    /// body to anyone ("I/O operation on closed file" in its log).
    pub fn outlives_killed_clients(&self) -> bool {
        self.name != "localstack"
    }

    /// The host name under which a bucket is seen as a website, on servers that show it so.
    pub fn website_host(&self, bucket: &str) -> Option<String> {
        (self.name == "localstack").then(|| {
            let index = IndexDocument::builder().suffix("index.html").build().expect("a suffix");
            let website = WebsiteConfiguration::builder().index_document(index).build();
            let shown = self.client().put_bucket_website().bucket(bucket).website_configuration(website).send();
            RUNTIME.block_on(shown).unwrap_or_else(|error| panic!("{}: {error:?}", self.name));
            format!("{bucket}.s3-website.localhost.localstack.cloud")
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.endpoint.trim_start_matches("http://").parse().expect("an address")
    }

    /// s3s-fs and the odd store know nothing of bucket policies and CORS.
    pub fn has_policies(&self) -> bool {
        !matches!(self.name.as_str(), "s3s-fs" | ODD)
    }

    /// The odd store ignores `If-None-Match`.
    pub fn keeps_conditions(&self) -> bool {
        self.name != ODD
    }

    /// LocalStack has Block Public Access, which is on in a new bucket as on AWS.
    pub fn blocks_public_access(&self) -> bool {
        self.name == "localstack"
    }

    /// Turns Block Public Access off, where there is such a thing.
    pub fn unblock(&self, bucket: &str) {
        if self.blocks_public_access() {
            let deleted = RUNTIME.block_on(self.client().delete_public_access_block().bucket(bucket).send());
            deleted.unwrap_or_else(|error| panic!("{}: {error:?}", self.name));
        }
    }

    /// The CORS rules of a bucket, none where there are none.
    pub fn cors_rules(&self, bucket: &str) -> Vec<CorsRule> {
        let got = RUNTIME.block_on(self.client().get_bucket_cors().bucket(bucket).send());
        got.ok().and_then(|output| output.cors_rules).unwrap_or_default()
    }

    pub fn put_cors_rule(&self, bucket: &str, rule: CorsRule) {
        let rules = CorsConfiguration::builder().cors_rules(rule).build().expect("a rule");
        let put = self.client().put_bucket_cors().bucket(bucket).cors_configuration(rules);
        RUNTIME.block_on(put.send()).unwrap_or_else(|error| panic!("{}: {error:?}", self.name));
    }

    /// The policy of a bucket, `null` where there is none.
    pub fn policy(&self, bucket: &str) -> Value {
        let got = RUNTIME.block_on(self.client().get_bucket_policy().bucket(bucket).send());
        let policy = got.ok().and_then(|output| output.policy);
        policy.map(|policy| serde_json::from_str(&policy).expect("JSON")).unwrap_or_default()
    }

    pub fn put_policy(&self, bucket: &str, policy: &Value) {
        let put = self.client().put_bucket_policy().bucket(bucket).policy(policy.to_string());
        RUNTIME.block_on(put.send()).unwrap_or_else(|error| panic!("{}: {error:?}", self.name));
    }

    pub fn client(&self) -> Client {
        let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "tests");
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .credentials_provider(credentials)
            .region(Region::from_static("us-east-1"))
            .endpoint_url(&self.endpoint)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .force_path_style(true)
            .build();
        Client::from_conf(config)
    }

    /// A new bucket for one test.
    pub fn bucket(&self, test: &str) -> String {
        let bucket = format!("{test}-{}", std::process::id());
        if self.makes_buckets() {
            let made = RUNTIME.block_on(self.client().create_bucket().bucket(&bucket).send());
            made.unwrap_or_else(|error| panic!("{}: {error:?}", self.name));
        }
        bucket
    }

    /// Stores an object as any other program would.
    pub fn put(&self, bucket: &str, key: &str, body: &'static [u8]) {
        let put = self.client().put_object().bucket(bucket).key(key).body(ByteStream::from_static(body));
        RUNTIME.block_on(put.send()).unwrap_or_else(|error| panic!("{}: {error:?}", self.name));
    }

    /// Every key of a bucket, with what is stored under it.
    pub fn objects(&self, bucket: &str) -> BTreeMap<String, Stored> {
        self.objects_below(bucket, "")
    }

    /// Every key of a bucket that begins so, with what is stored under it.
    pub fn objects_below(&self, bucket: &str, prefix: &str) -> BTreeMap<String, Stored> {
        let stored = self.stored(bucket, prefix);
        RUNTIME.block_on(stored).unwrap_or_else(|error| panic!("{}: {error:?}", self.name))
    }

    /// Deletes everything in a bucket of few objects.
    pub fn clear(&self, bucket: &str) {
        RUNTIME.block_on(self.cleared(bucket)).unwrap_or_else(|error| panic!("{}: {error:?}", self.name));
    }

    /// One by one: not every store takes batches.
    async fn cleared(&self, bucket: &str) -> Result<(), aws_sdk_s3::Error> {
        let client = self.client();
        let page = client.list_objects_v2().bucket(bucket).send().await?;
        let keys = page.contents().iter().filter_map(|object| object.key());
        try_join_all(keys.map(|key| client.delete_object().bucket(bucket).key(key).send())).await?;
        Ok(())
    }

    async fn stored(&self, bucket: &str, prefix: &str) -> Result<BTreeMap<String, Stored>, aws_sdk_s3::Error> {
        let client = self.client();
        let mut objects = BTreeMap::new();
        let mut pages = client.list_objects_v2().bucket(bucket).prefix(prefix).into_paginator().send();
        while let Some(page) = pages.next().await {
            for key in page?.contents().iter().filter_map(|object| object.key()) {
                // Some servers list the folders that they keep objects in.
                if !key.ends_with('/') {
                    objects.extend(stored(&client, bucket, key).await?.map(|object| (key.to_owned(), object)));
                }
            }
        }
        Ok(objects)
    }
}

/// An object as a reader gets it.
#[derive(Debug)]
pub struct Stored {
    pub body: Vec<u8>,
    pub content_type: Option<String>,
    pub cache_control: Option<String>,
}

/// An object; `None` where it has been deleted since it was listed.
async fn stored(client: &Client, bucket: &str, key: &str) -> Result<Option<Stored>, aws_sdk_s3::Error> {
    let object = match client.get_object().bucket(bucket).key(key).send().await.map_err(aws_sdk_s3::Error::from) {
        Err(aws_sdk_s3::Error::NoSuchKey(_)) => return Ok(None),
        object => object?,
    };
    let (content_type, cache_control) = (object.content_type, object.cache_control);
    let body = object.body.collect().await.expect("the body comes to its end").to_vec();
    Ok(Some(Stored { body, content_type, cache_control }))
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("threads"));

/// s3s-fs, started with the first test that asks for it.
static IN_PROCESS: LazyLock<(Server, TempDir)> = LazyLock::new(|| {
    let folder = TempDir::new().expect("a temporary folder");
    let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).expect("a folder"));
    service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let service = service.build();
    let listener = RUNTIME.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
    RUNTIME.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(http.serve_connection(TokioIo::new(stream), service.clone()));
        }
    });
    (Server { name: "s3s-fs".to_owned(), endpoint }, folder)
});

const ODD: &str = "odd";

/// A bucket that no server has.
pub const MISSING_BUCKET: &str = "no-such-bucket-here";

/// A store that has what is worst of all stores: it rejects the newer checksum headers, and with them batches of deletes,
/// its ETags are no MD5, and it ignores conditions.
static ODD_STORE: LazyLock<FaultServer> = LazyLock::new(|| {
    let server = FaultServer::start();
    for fault in [Fault::RejectChecksums, Fault::OpaqueETag, Fault::IgnoreConditions] {
        server.fail(fault, Scope::always());
    }
    server.without_bucket(MISSING_BUCKET);
    server
});

/// Waits for what a client does.
pub fn block_on<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
}

/// The server in this process.
pub fn in_process() -> Server {
    IN_PROCESS.0.clone()
}

/// Runs a check on every server, in a bucket of its own.
pub fn for_each_server(test: &str, check: impl Fn(&Server, &str)) {
    for server in servers() {
        eprintln!("{test} on {}", server.name);
        check(&server, &server.bucket(test));
    }
}

/// Every server there is.
pub fn servers() -> Vec<Server> {
    let named = std::env::var(SERVERS_VARIABLE).unwrap_or_default();
    let parse = |server: &str| {
        let (name, endpoint) = server.split_once('=').unwrap_or_else(|| panic!("{SERVERS_VARIABLE}: `{server}`"));
        Server { name: name.to_owned(), endpoint: endpoint.to_owned() }
    };
    let odd = Server { name: ODD.to_owned(), endpoint: ODD_STORE.endpoint() };
    [in_process(), odd].into_iter().chain(named.split_whitespace().map(parse)).collect()
}
