//! Tests from outside: the library by its public face, the program by its command line.

#![expect(
    clippy::case_sensitive_file_extension_comparisons,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "pictures are drawn with casts, and keys have no extensions but those that the program wrote"
)]

mod bounds;
mod bucket;
mod circles;
mod command_line;
mod configuration;
mod delete;
mod delete_meetings;
mod distance;
mod end_markers;
mod exposure;
mod fault_server;
mod faults;
mod golden;
mod html;
mod ingest;
mod interrupts;
mod jpeg_in_tiff;
mod jpeg_tiles;
mod kept_profiles;
mod kills;
mod language;
mod limits;
mod listings;
mod memory;
mod messages;
mod metadata;
mod names;
mod optimize;
mod pages;
mod pdf_pages;
mod physical_size;
mod picture_formats;
mod pipeline;
mod presentations;
mod preview;
mod prune;
mod remote;
mod rooms;
mod servers;
mod site;
mod storage;
mod stores;
mod strict;
mod support;
mod tables;
mod twice;
mod unsupported;
mod verbs;
mod verify;
mod versions;
mod viewers;
mod watched;
mod workers;
