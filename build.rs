//! Says when the JPEG codec will be slow: mozjpeg-sys builds without its SIMD code where `nasm` is missing, and cargo shows
//! no warnings of dependencies.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=PATH");
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    // Elsewhere the assembler of the C compiler is enough.
    let needs_nasm = matches!(architecture.as_str(), "x86_64" | "x86");
    if needs_nasm && Command::new("nasm").arg("-v").output().is_err() {
        println!(
            "cargo:warning=nasm is not installed: JPEG will be several times slower. Install it (apt-get install nasm, \
             brew install nasm), then run `cargo clean -p mozjpeg-sys` and build again."
        );
    }
}
