//! AWS profiles and custom certificate authorities from the environment or a profile.

use super::S3Settings;
use crate::store::{StoreError, StoreErrorKind};
use aws_config::profile::{ProfileSet, load};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use aws_types::os_shim_internal::{Env, Fs};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::env;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Maximum size of a CA bundle, in bytes. Bundles that ship with an OS are about 250 KB.
const MAX_BUNDLE_BYTES: u64 = 16 << 20;

/// Maximum number of profiles to list in an error message.
const MAX_LISTED: usize = 10;

/// Certificate authorities to trust in addition to the system's.
#[derive(Clone, Debug)]
pub(super) struct Bundle {
    pem: Vec<u8>,
}

/// Loads the profiles and checks that the selected one exists.
///
/// # Errors
/// Returns an error if the selected profile doesn't exist or a configuration file is invalid.
pub(super) async fn profiles(settings: &S3Settings) -> Result<ProfileSet, StoreError> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let of_variable = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"].into_iter().find_map(|name| Some((name, variable(name)?)));
    let wanted = settings.profile.clone().map(|profile| ("--profile", profile)).or(of_variable);
    let selected = wanted.as_ref().map(|(_, name)| name.clone().into());
    let profiles = load(&Fs::real(), &Env::real(), &EnvConfigFiles::default(), selected).await;
    let profiles = profiles.map_err(|error| {
        StoreError::new(StoreErrorKind::Credentials, "could not read the AWS configuration files".to_owned(), error)
            .with_hint("fix the file, or select other files with AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE")
    })?;
    let Some((from, name)) = wanted.filter(|(_, name)| profiles.get_profile(name).is_none()) else {
        return Ok(profiles);
    };
    let mut known: Vec<String> = profiles.profiles().map(|name| format!("`{}`", name.escape_debug())).collect();
    known.sort();
    let known = match known.len() {
        0 => "there are no profiles in the AWS configuration files".to_owned(),
        1..=MAX_LISTED => format!("the AWS configuration files have {}", known.join(", ")),
        more => format!(
            "the AWS configuration files have {} and {} more",
            known[..MAX_LISTED].join(", "),
            more - MAX_LISTED
        ),
    };
    let action = format!("there is no profile `{}` ({from})", name.escape_debug());
    Err(StoreError::new(StoreErrorKind::Credentials, action, known).with_hint(
        "use one of these, or add the profile to ~/.aws/config or ~/.aws/credentials (`aws configure --profile NAME`)",
    ))
}

/// Loads the certificate authorities from `AWS_CA_BUNDLE` or from the profile's `ca_bundle` setting.
///
/// # Errors
/// Returns an error if the file doesn't exist or contains no certificates.
pub(super) fn bundle(profiles: &ProfileSet) -> Result<Option<Bundle>, StoreError> {
    let of_variable = env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()).map(PathBuf::from);
    let from = if of_variable.is_some() { "AWS_CA_BUNDLE" } else { "`ca_bundle` of the profile" };
    let Some(path) = of_variable.or_else(|| profiles.get("ca_bundle").map(home_expanded)) else { return Ok(None) };
    let failed = |cause: Box<dyn std::error::Error + Send + Sync>| {
        let action = format!("could not read the certificates in `{}` ({from})", path.display());
        StoreError::new(StoreErrorKind::Unreachable, action, cause).with_hint(
            "pass a PEM file with the certificate of the authority that signed the certificate of the endpoint",
        )
    };
    let mut pem = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(MAX_BUNDLE_BYTES).read_to_end(&mut pem));
    read.map_err(|error| failed(error.into()))?;
    check(&pem).map_err(failed)?;
    Ok(Some(Bundle { pem }))
}

/// Validates certificates up front, because the TLS library panics on unusable ones.
fn check(pem: &[u8]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.map_err(|error| format!("it is not valid PEM: {error:?}"))?)?;
    }
    if roots.is_empty() { Err("the file contains no certificates".into()) } else { Ok(()) }
}

fn home_expanded(path: &str) -> PathBuf {
    let below_home = path.strip_prefix("~/").and_then(|rest| Some(env::home_dir()?.join(rest)));
    below_home.unwrap_or_else(|| Path::new(path).to_owned())
}

impl Bundle {
    /// Returns TLS settings that trust these authorities as well as the system's.
    pub(super) fn context(&self) -> TlsContext {
        let store = TrustStore::default().with_pem_certificate(self.pem.clone());
        TlsContext::builder().with_trust_store(store).build().expect("every trust store makes a valid context")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_without_usable_certificates_are_rejected_before_the_tls_library_sees_them() {
        let odd = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for text in ["", "no PEM", odd, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"] {
            assert!(check(text.as_bytes()).is_err(), "{text}");
        }
    }
}
