//! A JPEG's quantized coefficients, as read by libjpeg itself.

#![expect(unsafe_code, reason = "only libjpeg's C interface has coefficients")]

use mozjpeg_sys as ffi;
use std::ffi::c_ulong;

/// Blocks of a single component.
pub struct Plane {
    /// Number of blocks per row, without padding.
    pub columns: u32,
    /// Blocks in row-major order.
    pub blocks: Vec<[i16; 64]>,
    /// Block size in image pixels.
    pub block_width: u32,
    pub block_height: u32,
    pub quant_table: [u16; 64],
}

/// Reads all of a JPEG's coefficients.
pub fn coefficients(jpeg: &[u8]) -> Vec<Plane> {
    // SAFETY: Follows jpeglib.h. The struct isn't moved until it's destroyed, and its arrays live as long as it does.
    // Errors terminate the process, which is fine in a test.
    unsafe {
        let mut error: ffi::jpeg_error_mgr = std::mem::zeroed();
        let mut info: Box<ffi::jpeg_decompress_struct> = Box::new(std::mem::zeroed());
        info.common.err = ffi::jpeg_std_error(&mut error);
        ffi::jpeg_create_decompress(&raw mut *info);
        ffi::jpeg_mem_src(&mut info, jpeg.as_ptr(), jpeg.len() as c_ulong);
        ffi::jpeg_read_header(&mut info, 1);
        let arrays = ffi::jpeg_read_coefficients(&mut info);
        let count = info.num_components as usize;
        let components = std::slice::from_raw_parts(info.comp_info, count);
        let (max_h, max_v) = (info.max_h_samp_factor as u32, info.max_v_samp_factor as u32);
        let mut planes = Vec::new();
        for (index, it) in components.iter().enumerate() {
            let mut blocks = Vec::new();
            for row in 0..it.height_in_blocks {
                let access = (*info.common.mem).access_virt_barray.expect("a function");
                let rows = access(&mut info.common, *arrays.add(index), row, 1, 0);
                let row = std::slice::from_raw_parts((*rows).cast::<[i16; 64]>(), it.width_in_blocks as usize);
                blocks.extend_from_slice(row);
            }
            planes.push(Plane {
                columns: it.width_in_blocks,
                blocks,
                block_width: 8 * max_h / it.h_samp_factor as u32,
                block_height: 8 * max_v / it.v_samp_factor as u32,
                quant_table: (*it.quant_table).quantval,
            });
        }
        ffi::jpeg_destroy_decompress(&mut info);
        planes
    }
}
