//! Where images are read from that are elsewhere.

use clap::Args;
use iiif_publish::store::{Payer, S3Settings};

/// How buckets are read that images are in.
#[derive(Debug, Args)]
#[command(next_help_heading = "S3 sources")]
pub(super) struct SourceArguments {
    /// Use this endpoint to read `s3://` images [default: the endpoint to publish to]
    #[arg(id = "source_endpoint_url", long = "source-endpoint-url", value_name = "URL")]
    endpoint_url: Option<String>,
    /// Use this region to read `s3://` images [default: the region to publish to]
    #[arg(id = "source_aws_region", long = "source-aws-region", value_name = "REGION")]
    aws_region: Option<String>,
    /// Use this profile to read `s3://` images [default: the profile to publish with]
    #[arg(id = "source_profile", long = "source-profile", value_name = "PROFILE")]
    profile: Option<String>,
    /// Pay for requests that read `s3://` images
    #[arg(id = "source_request_payer", long = "source-request-payer")]
    request_payer: bool,
}

impl SourceArguments {
    /// Whether buckets with the same name as that to publish into are other ones.
    pub(super) fn are_elsewhere(&self, target: &S3Settings) -> bool {
        let plain = |url: &Option<String>| url.as_ref().map(|url| url.trim_end_matches('/').to_lowercase());
        self.endpoint_url.is_some() && plain(&self.endpoint_url) != plain(&target.endpoint_url)
    }

    /// Settings of any bucket to read from; what is not said is that of the bucket to publish into.
    pub(super) fn settings(&self, target: S3Settings) -> S3Settings {
        let said = |said: &Option<String>, default| said.clone().or(default);
        S3Settings {
            endpoint_url: said(&self.endpoint_url, target.endpoint_url),
            aws_region: said(&self.aws_region, target.aws_region),
            profile: said(&self.profile, target.profile),
            payer: if self.request_payer { Payer::Requester } else { target.payer },
            retry_for: target.retry_for,
            ..S3Settings::default()
        }
    }
}
