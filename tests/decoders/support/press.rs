//! ICC profiles of an imaginary printing press, in each form that tables can have.

/// The type of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables {
    /// lut8Type.
    Narrow,
    /// lut16Type.
    Wide,
    /// lut16Type to and from XYZ.
    WideXyz,
    /// lutAToBType and lutBToAType of version 4, with formulas for curves.
    Curved,
}

/// Gammas of the curves before and behind the grid.
const GAMMAS: (f64, f64) = (1.4, 1.25);

/// Nodes of the grids, on each axis: of inks and of the connection space.
const POINTS: (usize, usize) = (7, 9);

/// Returns a profile that has no paper darker than an L\* of about 11.
pub fn profile(tables: Tables) -> Vec<u8> {
    let is_xyz = tables == Tables::WideXyz;
    let (to_pcs, from_pcs) = (table(tables, true), table(tables, false));
    let wtpt = [b"XYZ \0\0\0\0".as_slice(), &D50.map(fixed).concat()].concat();
    let tags = [(b"wtpt", wtpt), (b"A2B0", to_pcs.clone()), (b"A2B1", to_pcs), (b"B2A0", from_pcs)];
    let mut header = vec![0; 128];
    header[8] = if tables == Tables::Curved { 4 } else { 2 };
    header[12..20].copy_from_slice(b"prtrCMYK");
    header[20..24].copy_from_slice(if is_xyz { b"XYZ " } else { b"Lab " });
    header[36..40].copy_from_slice(b"acsp");
    header[68..80].copy_from_slice(&D50.map(fixed).concat());
    let (mut directory, mut data) = (four(tags.len()).to_vec(), Vec::new());
    let begin = 132 + tags.len() * 12;
    for (name, mut bytes) in tags {
        directory.extend([name.as_slice(), &four(begin + data.len()), &four(bytes.len())].concat());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        data.extend(bytes);
    }
    let mut profile = [header, directory, data].concat();
    let length = four(profile.len());
    profile[..4].copy_from_slice(&length);
    profile
}

const D50: [f64; 3] = [0.9642, 1.0, 0.8249];

fn four(number: usize) -> [u8; 4] {
    u32::try_from(number).expect("small").to_be_bytes()
}

fn fixed(number: f64) -> [u8; 4] {
    ((number * 65536.0).round() as i32).to_be_bytes()
}

/// The color of inks, as XYZ: what three bands of light leave of them.
fn printed([cyan, magenta, yellow, black]: [f64; 4]) -> [f64; 3] {
    let [r, g, b] = [cyan, magenta, yellow].map(|ink| 0.013 + 0.987 * (-2.2 * ink - 3.1 * black).exp());
    [0.4361 * r + 0.3851 * g + 0.1431 * b, 0.2225 * r + 0.7169 * g + 0.0606 * b, 0.0139 * r + 0.0971 * g + 0.7141 * b]
        .map(|value| value.max(0.0))
}

fn lab(xyz: [f64; 3]) -> [f64; 3] {
    let root =
        |value: f64| if value > 216.0 / 24389.0 { value.cbrt() } else { (24389.0 / 27.0 * value + 16.0) / 116.0 };
    let [x, y, z] = [0, 1, 2].map(|index| root(xyz[index] / D50[index]));
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// The entry of a table for a color, between 0 and 1.
fn encoded(tables: Tables, xyz: [f64; 3]) -> [f64; 3] {
    let [l, a, b] = lab(xyz);
    let of_lab = |scale: f64| [l / 100.0 * scale, (a + 128.0) / 255.0 * scale, (b + 128.0) / 255.0 * scale];
    match tables {
        Tables::WideXyz => xyz.map(|value| value * 32768.0 / 65535.0),
        Tables::Wide => of_lab(65280.0 / 65535.0),
        Tables::Narrow | Tables::Curved => of_lab(1.0),
    }
}

/// The inks of a lightness: not all that there are, as presses have limits.
fn inks(tables: Tables, [first, second, _]: [f64; 3]) -> [f64; 4] {
    let dark = 1.0 - if tables == Tables::WideXyz { (second * 2.0).min(1.0).cbrt() } else { first };
    [0.7 * dark, 0.6 * dark, 0.6 * dark, dark]
}

fn table(tables: Tables, is_to_pcs: bool) -> Vec<u8> {
    let (channels, points) = if is_to_pcs { ((4, 3), POINTS.0) } else { ((3, 4), POINTS.1) };
    let at = |node: usize, axis: usize| (node / points.pow(axis as u32) % points) as f64 / (points - 1) as f64;
    let nodes = (0..points.pow(channels.0)).flat_map(|node| {
        if is_to_pcs {
            // Curves before and behind the grid that cancel each other in part, so that neither can be forgotten.
            let inks = [3, 2, 1, 0].map(|axis| at(node, axis).powf(1.0 / GAMMAS.0));
            encoded(tables, printed(inks)).map(|value| value.clamp(0.0, 1.0).powf(1.0 / GAMMAS.1)).to_vec()
        } else {
            inks(tables, [2, 1, 0].map(|axis| at(node, axis))).to_vec()
        }
    });
    let nodes: Vec<f64> = nodes.collect();
    let gammas = if is_to_pcs { GAMMAS } else { (1.0, 1.0) };
    match tables {
        Tables::Curved => curved(is_to_pcs, channels, points, &nodes, gammas),
        _ => simple(tables == Tables::Narrow, channels, points, &nodes, gammas),
    }
}

fn simple(is_narrow: bool, channels: (u32, u32), points: usize, nodes: &[f64], gammas: (f64, f64)) -> Vec<u8> {
    let entries = if is_narrow { 256 } else { 1024 };
    let number = |value: f64| {
        if is_narrow {
            vec![(value * 255.0).round() as u8]
        } else {
            ((value * 65535.0).round() as u16).to_be_bytes().to_vec()
        }
    };
    let curve = |gamma: f64| (0..entries).map(move |entry| (f64::from(entry) / f64::from(entries - 1)).powf(gamma));
    let curves = |gamma: f64, channels: u32| (0..channels).flat_map(move |_| curve(gamma)).flat_map(number);
    let mut bytes = if is_narrow { b"mft1\0\0\0\0" } else { b"mft2\0\0\0\0" }.to_vec();
    bytes.extend([channels.0 as u8, channels.1 as u8, points as u8, 0]);
    bytes.extend([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0].map(fixed).concat());
    if !is_narrow {
        bytes.extend([entries as u16; 2].map(u16::to_be_bytes).concat());
    }
    bytes.extend(curves(gammas.0, channels.0));
    bytes.extend(nodes.iter().copied().flat_map(number));
    bytes.extend(curves(gammas.1, channels.1));
    bytes
}

fn curved(is_to_pcs: bool, channels: (u32, u32), points: usize, nodes: &[f64], gammas: (f64, f64)) -> Vec<u8> {
    let curves =
        |gamma: f64, count: u32| [b"para\0\0\0\0\0\0\0\0".as_slice(), &fixed(gamma)].concat().repeat(count as usize);
    let device = channels.0.max(channels.1);

    let matrix = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0].map(fixed).concat();
    let mut grid = vec![0; 20];
    grid[..channels.0 as usize].fill(points as u8);
    grid[16] = 2;
    grid.extend(nodes.iter().flat_map(|value| ((value * 65535.0).round() as u16).to_be_bytes()));
    grid.resize(grid.len().next_multiple_of(4), 0);
    let parts = [curves(1.0, 3), matrix, curves(gammas.1, 3), grid, curves(gammas.0, device)];
    let mut bytes = if is_to_pcs { b"mAB \0\0\0\0" } else { b"mBA \0\0\0\0" }.to_vec();
    bytes.extend([channels.0 as u8, channels.1 as u8, 0, 0]);
    let mut offset = 32;
    for part in &parts {
        bytes.extend(four(offset));
        offset += part.len();
    }
    [bytes, parts.concat()].concat()
}
