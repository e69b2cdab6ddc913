//! Command-line front end for the `iiif_publish` library.

mod cli;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc;

fn main() -> std::process::ExitCode {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::limit_kept_memory();
    cli::run().into()
}
