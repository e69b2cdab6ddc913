//! Options for reading remote images.

use clap::Args;
use iiif_publish::store::{Payer, S3Settings};

/// Options for the source buckets of `s3://` images.
#[derive(Debug, Args)]
#[command(next_help_heading = "S3 sources")]
pub(crate) struct SourceArguments {
    /// Use this endpoint for `s3://` images [default: same as the target]
    #[arg(id = "source_endpoint_url", long = "source-endpoint-url", value_name = "URL")]
    endpoint_url: Option<String>,
    /// Use this region for `s3://` images [default: same as the target]
    #[arg(id = "source_aws_region", long = "source-aws-region", value_name = "REGION")]
    aws_region: Option<String>,
    /// Use this profile for `s3://` images [default: same as the target]
    #[arg(id = "source_profile", long = "source-profile", value_name = "PROFILE")]
    profile: Option<String>,
    /// Pay for requests to read `s3://` images
    #[arg(id = "source_request_payer", long = "source-request-payer")]
    request_payer: bool,
}

impl SourceArguments {
    /// Returns `true` if sources use a different endpoint, so a source bucket isn't the target even if the names match.
    pub(crate) fn differ_from(&self, target: &S3Settings) -> bool {
        let plain = |url: &Option<String>| url.as_ref().map(|url| url.trim_end_matches('/').to_lowercase());
        self.endpoint_url.is_some() && plain(&self.endpoint_url) != plain(&target.endpoint_url)
    }

    /// Returns the settings for source buckets. Unset options default to the target's.
    pub(crate) fn settings(&self, target: S3Settings) -> S3Settings {
        let or_default = |option: &Option<String>, default| option.clone().or(default);
        let mut settings = S3Settings::default();
        settings.endpoint_url = or_default(&self.endpoint_url, target.endpoint_url);
        settings.aws_region = or_default(&self.aws_region, target.aws_region);
        settings.profile = or_default(&self.profile, target.profile);
        settings.payer = if self.request_payer { Payer::Requester } else { target.payer };
        settings.retry_for = target.retry_for;
        settings
    }
}
