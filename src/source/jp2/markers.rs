//! Codestream markers (A.2).

pub(super) const START_OF_CODESTREAM: u16 = 0xff4f;
pub(super) const SIZE: u16 = 0xff51;
pub(super) const CAPABILITIES: u16 = 0xff50;
pub(super) const CODING_DEFAULT: u16 = 0xff52;
pub(super) const CODING_COMPONENT: u16 = 0xff53;
pub(super) const TILE_PART_LENGTHS: u16 = 0xff55;
pub(super) const PACKET_LENGTHS_MAIN: u16 = 0xff57;
pub(super) const PACKET_LENGTHS: u16 = 0xff58;
pub(super) const CORRESPONDING_PROFILE: u16 = 0xff59;
pub(super) const QUANTIZATION_DEFAULT: u16 = 0xff5c;
pub(super) const QUANTIZATION_COMPONENT: u16 = 0xff5d;
pub(super) const REGION_OF_INTEREST: u16 = 0xff5e;
pub(super) const PROGRESSION_CHANGES: u16 = 0xff5f;
pub(super) const PACKED_HEADERS_MAIN: u16 = 0xff60;
pub(super) const PACKED_HEADERS: u16 = 0xff61;
pub(super) const REGISTRATION: u16 = 0xff63;
pub(super) const COMMENT: u16 = 0xff64;
pub(super) const START_OF_TILE_PART: u16 = 0xff90;
pub(super) const START_OF_DATA: u16 = 0xff93;
pub(super) const END_OF_CODESTREAM: u16 = 0xffd9;
