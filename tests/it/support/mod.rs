//! Shared by several tests: pictures, the program, real and faulty servers.

pub mod child;
pub mod ciede2000;
pub mod faults;
pub mod host;
pub mod http;
pub mod load;
pub mod pictures;
pub mod png;
pub mod press;
pub mod program;
pub mod publishing;
pub mod relay;
pub mod rows;
pub mod s3;
pub mod skip;
pub mod some;
pub mod tiff;
pub mod viewer_page;
pub mod watchdog;
