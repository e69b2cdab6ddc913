//! What several tests need: pictures, the program, servers real and faulty.

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
pub mod tiff;
pub mod viewer_page;
pub mod watchdog;
