//! S3 servers: s3s-fs and the odd store in this process, and further servers that the environment names.

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

/// Variable with `name=endpoint` of further servers, separated by spaces. `localstack/test.sh` starts them and sets it.
const SERVERS_VARIABLE: &str = "IIIF_PUBLISH_TEST_SERVERS";

/// A server under test.
#[derive(Clone, Debug)]
pub struct Server {
    pub name: String,
    pub endpoint: String,
}

/// The capabilities in which servers differ. `bucket::every_server_has_the_capabilities_of_the_table` asserts them.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "a table of independent capabilities")]
pub struct Capabilities {
    /// Requests with a wrong secret are rejected.
    pub check_secrets: bool,
    /// Reads without credentials are rejected unless a policy allows them.
    pub check_readers: bool,
    /// Buckets exist only after they were created.
    pub create_buckets: bool,
    /// Listings contain ETags that are digests.
    pub list_digests: bool,
    /// An object stays readable if a client is killed while it puts the object.
    pub survive_killed_clients: bool,
    /// Buckets can be websites.
    pub websites: bool,
    /// Buckets have policies and CORS rules.
    pub policies: bool,
    /// `If-None-Match` is respected.
    pub conditions: bool,
    /// New buckets block public access.
    pub block_public_access: bool,
}

const TYPICAL: Capabilities = Capabilities {
    check_secrets: true,
    check_readers: true,
    create_buckets: true,
    list_digests: true,
    survive_killed_clients: true,
    websites: false,
    policies: true,
    conditions: true,
    block_public_access: false,
};

fn capabilities(server: &str) -> Capabilities {
    match server {
        // It lists no ETags.
        "s3s-fs" => Capabilities { list_digests: false, policies: false, ..TYPICAL },
        ODD => Capabilities {
            check_secrets: false,
            check_readers: false,
            create_buckets: false,
            list_digests: false,
            policies: false,
            conditions: false,
            ..TYPICAL
        },
        AWS_LIKE => Capabilities { check_secrets: false, create_buckets: false, block_public_access: true, ..TYPICAL },
        // LocalStack 4.13 never returns the body of an object again after its client was killed during a put ("I/O
        // operation on closed file" in its log).
        "localstack" => Capabilities {
            check_secrets: false,
            check_readers: false,
            survive_killed_clients: false,
            websites: true,
            block_public_access: true,
            ..TYPICAL
        },
        "seaweedfs" | "ceph" | "minio" => TYPICAL,
        other => panic!("`{other}` is not in the table of capabilities"),
    }
}

impl Server {
    /// Returns the capabilities of the server.
    pub fn can(&self) -> Capabilities {
        capabilities(&self.name)
    }

    /// Makes a bucket a website and returns its host name. `None` if the server has no websites.
    pub fn website_host(&self, bucket: &str) -> Option<String> {
        self.try_website(bucket).then(|| format!("{bucket}.s3-website.localhost.localstack.cloud"))
    }

    pub fn address(&self) -> SocketAddr {
        self.endpoint.trim_start_matches("http://").parse().expect("an address")
    }

    /// Disables Block Public Access, if the server supports it.
    pub fn unblock(&self, bucket: &str) {
        if self.can().block_public_access {
            let deleted = RUNTIME.block_on(self.client().delete_public_access_block().bucket(bucket).send());
            deleted.unwrap_or_else(|error| panic!("{}: {error:?}", self.name));
        }
    }

    /// Returns the CORS rules of a bucket, or none if they are not set.
    pub fn cors_rules(&self, bucket: &str) -> Vec<CorsRule> {
        let got = RUNTIME.block_on(self.client().get_bucket_cors().bucket(bucket).send());
        got.ok().and_then(|output| output.cors_rules).unwrap_or_default()
    }

    pub fn put_cors_rule(&self, bucket: &str, rule: CorsRule) {
        assert!(self.try_cors_rule(bucket, rule), "{}: no CORS rules", self.name);
    }

    /// Sets a CORS rule. Returns `true` if the server accepts it.
    pub fn try_cors_rule(&self, bucket: &str, rule: CorsRule) -> bool {
        let rules = CorsConfiguration::builder().cors_rules(rule).build().expect("a rule");
        let put = self.client().put_bucket_cors().bucket(bucket).cors_configuration(rules);
        RUNTIME.block_on(put.send()).is_ok()
    }

    /// Returns the policy of a bucket, or `null` if it is not set.
    pub fn policy(&self, bucket: &str) -> Value {
        let got = RUNTIME.block_on(self.client().get_bucket_policy().bucket(bucket).send());
        let policy = got.ok().and_then(|output| output.policy);
        policy.map(|policy| serde_json::from_str(&policy).expect("JSON")).unwrap_or_default()
    }

    pub fn put_policy(&self, bucket: &str, policy: &Value) {
        assert!(self.try_policy(bucket, policy), "{}: no policies", self.name);
    }

    /// Sets a policy. Returns `true` if the server accepts it.
    pub fn try_policy(&self, bucket: &str, policy: &Value) -> bool {
        RUNTIME.block_on(self.client().put_bucket_policy().bucket(bucket).policy(policy.to_string()).send()).is_ok()
    }

    /// Makes a bucket a website. Returns `true` if the server accepts it.
    pub fn try_website(&self, bucket: &str) -> bool {
        let index = IndexDocument::builder().suffix("index.html").build().expect("a suffix");
        let website = WebsiteConfiguration::builder().index_document(index).build();
        let put = self.client().put_bucket_website().bucket(bucket).website_configuration(website);
        RUNTIME.block_on(put.send()).is_ok()
    }

    /// Returns `true` if the server rejects a request that is signed with a wrong secret.
    pub fn rejects_wrong_secrets(&self, bucket: &str) -> bool {
        let client = self.client_with("not-the-secret");
        RUNTIME.block_on(client.list_objects_v2().bucket(bucket).send()).is_err()
    }

    /// Returns `true` if the server lists no bucket that was never created.
    pub fn rejects_missing_buckets(&self) -> bool {
        RUNTIME.block_on(self.client().list_objects_v2().bucket("never-created").send()).is_err()
    }

    /// Returns `true` if the first object in the listing of a bucket has this ETag.
    pub fn lists_etag(&self, bucket: &str, etag: &str) -> bool {
        let page = RUNTIME.block_on(self.client().list_objects_v2().bucket(bucket).send()).expect("a listing");
        page.contents().first().is_some_and(|object| object.e_tag() == Some(etag))
    }

    /// Returns `true` if the server rejects a put with `If-None-Match: *` for an object that exists.
    pub fn rejects_existing(&self, bucket: &str, key: &str) -> bool {
        let put = self.client().put_object().bucket(bucket).key(key).if_none_match("*");
        RUNTIME.block_on(put.body(ByteStream::from_static(b"hello")).send()).is_err()
    }

    /// Returns `true` if Block Public Access is enabled for a bucket.
    pub fn blocks(&self, bucket: &str) -> bool {
        let got = RUNTIME.block_on(self.client().get_public_access_block().bucket(bucket).send());
        let block = got.ok().and_then(|output| output.public_access_block_configuration);
        block.and_then(|block| block.block_public_policy()) == Some(true)
    }

    pub fn client(&self) -> Client {
        self.client_with(SECRET_KEY)
    }

    fn client_with(&self, secret: &str) -> Client {
        let credentials = Credentials::new(ACCESS_KEY, secret, None, None, "tests");
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .credentials_provider(credentials)
            .region(Region::from_static("us-east-1"))
            .endpoint_url(&self.endpoint)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .force_path_style(true)
            .build();
        Client::from_conf(config)
    }

    /// Creates a bucket for one test.
    pub fn bucket(&self, test: &str) -> String {
        let bucket = format!("{test}-{}", std::process::id());
        if self.can().create_buckets {
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

    /// Returns all objects of a bucket by key.
    pub fn objects(&self, bucket: &str) -> BTreeMap<String, Stored> {
        self.objects_below(bucket, "")
    }

    /// Returns the objects of a bucket whose keys begin with `prefix`.
    pub fn objects_below(&self, bucket: &str, prefix: &str) -> BTreeMap<String, Stored> {
        let stored = self.stored(bucket, prefix);
        RUNTIME.block_on(stored).unwrap_or_else(|error| panic!("{}: {error:?}", self.name))
    }

    /// Deletes everything in a bucket of few objects.
    pub fn clear(&self, bucket: &str) {
        RUNTIME.block_on(self.cleared(bucket)).unwrap_or_else(|error| panic!("{}: {error:?}", self.name));
    }

    /// Deletes objects one by one, because some stores lack batch deletion.
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
                // Some servers list the folders that contain objects.
                if !key.ends_with('/') {
                    objects.extend(stored(&client, bucket, key).await?.map(|object| (key.to_owned(), object)));
                }
            }
        }
        Ok(objects)
    }
}

/// An object as a reader sees it.
#[derive(Debug)]
pub struct Stored {
    pub body: Vec<u8>,
    pub content_type: Option<String>,
    pub cache_control: Option<String>,
}

/// Reads an object. Returns `None` if it was deleted after it was listed.
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

/// The s3s-fs server, started by the first test that uses it.
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

const AWS_LIKE: &str = "aws-like";

/// A bucket that exists on no server.
pub const MISSING_BUCKET: &str = "no-such-bucket-here";

/// A store with the limitations of several real stores: it rejects the newer checksum headers and therefore batch
/// deletions, its ETags are not MD5 digests, and it ignores conditions.
static ODD_STORE: LazyLock<FaultServer> = LazyLock::new(|| {
    let server = FaultServer::start();
    for fault in [Fault::RejectChecksums, Fault::OpaqueETag, Fault::IgnoreConditions] {
        server.fail(fault, Scope::always());
    }
    server.without_bucket(MISSING_BUCKET);
    server
});

/// A store that keeps the settings of buckets, as AWS does.
static AWS_LIKE_STORE: LazyLock<FaultServer> = LazyLock::new(|| {
    let server = FaultServer::start();
    server.fail(Fault::KeepSettings, Scope::always());
    server.without_bucket(MISSING_BUCKET);
    server
});

/// Blocks until a client operation completes.
pub fn block_on<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
}

/// Returns the server in this process.
pub fn in_process() -> Server {
    IN_PROCESS.0.clone()
}

/// Runs a check on every server, each in a new bucket.
pub fn for_each_server(test: &str, check: impl Fn(&Server, &str)) {
    for server in servers() {
        eprintln!("{test} on {}", server.name);
        check(&server, &server.bucket(test));
    }
}

/// Returns all servers, and one in this process that has all bucket settings.
pub fn servers_and_aws_like() -> Vec<Server> {
    let aws_like = Server { name: AWS_LIKE.to_owned(), endpoint: AWS_LIKE_STORE.endpoint() };
    servers().into_iter().chain([aws_like]).collect()
}

/// Returns all servers.
pub fn servers() -> Vec<Server> {
    let named = std::env::var(SERVERS_VARIABLE).unwrap_or_default();
    let parse = |server: &str| {
        let (name, endpoint) = server.split_once('=').unwrap_or_else(|| panic!("{SERVERS_VARIABLE}: `{server}`"));
        Server { name: name.to_owned(), endpoint: endpoint.to_owned() }
    };
    let odd = Server { name: ODD.to_owned(), endpoint: ODD_STORE.endpoint() };
    [in_process(), odd].into_iter().chain(named.split_whitespace().map(parse)).collect()
}
