//! Shared by several tests: images, the program, real and faulty servers.

pub mod child;
pub mod coefficients;
pub mod faults;
pub mod host;
pub mod http;
pub mod load;
#[allow(dead_code, reason = "some of it is for `tests/decoders` alone")]
pub mod pdf;
pub mod pictures;
pub mod png;
pub mod program;
pub mod publishing;
pub mod relay;
pub mod rows;
pub mod s3;
pub mod skip;
pub mod some;
#[allow(dead_code, reason = "some of it is for `tests/decoders` alone")]
pub mod tiff;
pub mod viewer_page;
