//! Tests of decoders, conversions and the cascade by the public face of the library. They need no program and no server, so
//! that they can run after every change: `tests/unit.sh`.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "pictures are drawn with casts"
)]

mod avif;
mod cascade;
mod color;
mod formats;
mod fuzz;
#[cfg(feature = "heic")]
mod heic;
mod inks;
mod jp2;
mod jxl;
mod matrix;
mod orientation;
mod pdf;
mod psd;
mod tiff;

/// Partly shared with `tests/it`.
#[allow(dead_code, reason = "some of it is for `tests/it` alone")]
mod support {
    pub mod ciede2000;
    #[path = "../../it/support/pdf.rs"]
    pub mod pdf;
    #[path = "../../it/support/pictures.rs"]
    pub mod pictures;
    pub mod press;
    #[path = "../../it/support/rows.rs"]
    pub mod rows;
    #[path = "../../it/support/skip.rs"]
    pub mod skip;
    #[path = "../../it/support/some.rs"]
    pub mod some;
    #[path = "../../it/support/tiff/mod.rs"]
    pub mod tiff;
    pub mod watchdog;
}
