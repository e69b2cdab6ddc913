//! What several tests need: pictures, the program, real servers.

pub mod pictures;
pub mod program;
pub mod relay;
pub mod s3;
