//! The command line of `iiif-publish`; all else is in the library.

mod cli;

fn main() -> std::process::ExitCode {
    cli::run().into()
}
