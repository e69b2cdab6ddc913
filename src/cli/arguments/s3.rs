//! Options for the bucket connection and credentials.

use clap::Args;
use iiif_publish::bucket::quoted;
use iiif_publish::store::{BucketAddress, Payer, S3Settings};

#[derive(Debug, Args)]
#[command(next_help_heading = "S3")]
pub(crate) struct S3Arguments {
    /// Use this S3-compatible endpoint [default: AWS]
    ///
    /// `AWS_ENDPOINT_URL_S3` sets another default.
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
    /// Use this region
    ///
    /// The default is `AWS_REGION`, or the region of the profile.
    #[arg(long, value_name = "REGION")]
    aws_region: Option<String>,
    /// Use this profile of the AWS configuration files
    ///
    /// The default is `AWS_PROFILE`.
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
    /// Pay for requests to a "requester pays" bucket
    #[arg(long)]
    request_payer: bool,
}

impl S3Arguments {
    /// Returns the endpoint and profile options for a suggested command, which may be for this program or the AWS CLI.
    pub(crate) fn command_options(&self) -> String {
        let option =
            |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("{name} {}", quoted(value)));
        let options = [option("--endpoint-url", &self.endpoint_url), option("--profile", &self.profile)];
        options.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn settings(&self, bucket: String) -> S3Settings {
        // An access point's ARN contains its region.
        let address = bucket.parse::<BucketAddress>().ok();
        let region = || address.as_ref().and_then(BucketAddress::region).map(str::to_owned);
        let aws_region = self.aws_region.clone().or_else(region);
        let mut settings = S3Settings::new(bucket);
        settings.endpoint_url.clone_from(&self.endpoint_url);
        settings.aws_region = aws_region;
        settings.profile.clone_from(&self.profile);
        settings.payer = if self.request_payer { Payer::Requester } else { Payer::Owner };
        settings
    }
}
