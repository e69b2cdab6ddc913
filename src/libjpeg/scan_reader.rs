//! Reads the MCUs of a scan, with restart markers between them (ITU-T T.81, F.2.1 and E.2.4).
#![deny(unsafe_code)]

use super::bit_reader::ScanBytes;
use super::huffman_decoder::DecodingTables;
use super::{DAMAGE, LibjpegError, raise};

/// Maximum number of blocks in an MCU (`D_MAX_BLOCKS_IN_MCU` in jpeglib.h).
pub(super) const MAX_MCU_BLOCKS: usize = 10;

/// Maximum number of bytes of an MCU: ten blocks of 64 codes with up to 31 bits each, and what is loaded beyond them.
pub(super) const MCU_BYTES: usize = MAX_MCU_BLOCKS * 64 * 31 / 8 + size_of::<u64>();

/// First restart marker. There are eight, which are used in turn (T.81, B.2.1).
const RESTART: u8 = 0xd0;
const RESTARTS: u8 = 8;

/// Reads a scan.
pub(super) struct ScanReader {
    pub(super) bytes: ScanBytes,
    tables: Vec<DecodingTables>,
    /// Component of each block in an MCU.
    blocks: Vec<usize>,
    /// DC coefficient of each component's previous block.
    before: Vec<i16>,
    restart_interval: u32,
    /// Number of MCUs before the next restart marker, if there are restart markers.
    mcus_left: u32,
    next_restart: u8,
}

impl ScanReader {
    /// Creates a reader. `blocks` has the index of the component of each block in an MCU.
    pub(super) fn new(tables: Vec<DecodingTables>, blocks: Vec<usize>, restart_interval: u32) -> Self {
        let before = vec![0; tables.len()];
        let bytes = ScanBytes::default();
        Self { bytes, tables, blocks, before, restart_interval, mcus_left: restart_interval, next_restart: 0 }
    }

    /// Returns the number of blocks in an MCU.
    pub(super) fn mcu_blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Returns `true` if a restart marker is next.
    pub(super) fn is_at_restart(&self) -> bool {
        self.restart_interval > 0 && self.mcus_left == 0
    }

    /// Passes a restart marker.
    pub(super) fn restart(&mut self) {
        let marker = self.bytes.pass_marker();
        if marker != Some(RESTART + self.next_restart) {
            let name = marker.map_or_else(|| "nothing".to_owned(), |marker| format!("marker 0x{marker:02x}"));
            damaged(&format!("found {name} instead of RST{}", self.next_restart));
        }
        self.next_restart = (self.next_restart + 1) % RESTARTS;
        self.mcus_left = self.restart_interval;
        self.before.fill(0);
    }

    /// Reads the blocks of an MCU, which must be zero.
    pub(super) fn read(&mut self, mcu: &mut [&mut [i16; 64]]) {
        let Self { bytes, tables, blocks, before, .. } = self;
        let read = bytes.read(|bits| {
            blocks.iter().zip(mcu).all(|(component, block)| {
                let read = tables[*component].read(bits, before[*component], block);
                before[*component] = read.unwrap_or_default();
                read.is_some()
            })
        });
        match read {
            Some(true) => self.mcus_left = self.mcus_left.saturating_sub(1),
            Some(false) => damaged("bad Huffman code"),
            None => damaged("premature end of data segment"),
        }
    }
}

/// Ends with an error in the words of libjpeg's warnings.
fn damaged(description: &str) -> ! {
    raise(LibjpegError::Codec(format!("{DAMAGE}: {description}")))
}
