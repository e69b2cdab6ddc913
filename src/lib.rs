//! temp
pub mod iiif;
pub mod pixel;
pub mod source;
pub mod pyramid;
pub mod encode;
pub mod store;
pub mod publish;
pub mod serve;
mod libjpeg;
