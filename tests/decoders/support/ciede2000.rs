//! The perceived difference of two colors: CIEDE2000, by the formulas of Sharma, Wu and Dalal (2005).

/// L\*, a\*, b\*.
pub type Lab = [f64; 3];

/// The difference of two colors; 1 is about what people can just see.
pub fn difference(one: Lab, other: Lab) -> f64 {
    let chroma = |lab: Lab| lab[1].hypot(lab[2]);
    let mean_chroma = f64::midpoint(chroma(one), chroma(other));
    let gray = 0.5 * (1.0 - seventh(mean_chroma).sqrt());
    let stretched = |lab: Lab| [lab[0], lab[1] * (1.0 + gray), lab[2]];
    let (one, other) = (stretched(one), stretched(other));
    let (c1, c2) = (chroma(one), chroma(other));
    let hue = |lab: Lab| if chroma(lab) == 0.0 { 0.0 } else { lab[2].atan2(lab[1]).to_degrees().rem_euclid(360.0) };
    let (h1, h2) = (hue(one), hue(other));
    let turn = if c1 * c2 == 0.0 { 0.0 } else { (h2 - h1 + 540.0).rem_euclid(360.0) - 180.0 };
    let mean_hue = match (c1 * c2 == 0.0, (h1 - h2).abs() <= 180.0) {
        (true, _) => h1 + h2,
        (false, true) => f64::midpoint(h1, h2),
        (false, false) if h1 + h2 < 360.0 => f64::midpoint(h1, h2) + 180.0,
        (false, false) => f64::midpoint(h1, h2) - 180.0,
    };
    let (lightness, chroma) = (f64::midpoint(one[0], other[0]), f64::midpoint(c1, c2));
    let cosine = |factor: f64, shift: f64| (factor * mean_hue + shift).to_radians().cos();
    let t =
        1.0 - 0.17 * cosine(1.0, -30.0) + 0.24 * cosine(2.0, 0.0) + 0.32 * cosine(3.0, 6.0) - 0.2 * cosine(4.0, -63.0);
    let squared = (lightness - 50.0).powi(2);
    let weight_l = 1.0 + 0.015 * squared / (20.0 + squared).sqrt();
    let (weight_c, weight_h) = (1.0 + 0.045 * chroma, 1.0 + 0.015 * chroma * t);
    let rotation = 60.0 * (-((mean_hue - 275.0) / 25.0).powi(2)).exp();
    let rotation = -2.0 * seventh(chroma).sqrt() * rotation.to_radians().sin();
    let l = (other[0] - one[0]) / weight_l;
    let c = (c2 - c1) / weight_c;
    let h = 2.0 * (c1 * c2).sqrt() * (turn / 2.0).to_radians().sin() / weight_h;
    (l * l + c * c + h * h + rotation * c * h).sqrt()
}

fn seventh(chroma: f64) -> f64 {
    chroma.powi(7) / (chroma.powi(7) + 25_f64.powi(7))
}

/// A pixel of sRGB as Lab of its own white, D65.
#[expect(clippy::many_single_char_names, reason = "they are what the channels are called")]
pub fn lab(pixel: [u8; 3]) -> Lab {
    let [r, g, b] = pixel.map(|value| {
        let value = f64::from(value) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    let xyz = [
        (0.412_456 * r + 0.357_576 * g + 0.180_437 * b) / 0.950_47,
        0.212_673 * r + 0.715_152 * g + 0.072_175 * b,
        (0.019_334 * r + 0.119_192 * g + 0.950_304 * b) / 1.088_83,
    ];
    let [x, y, z] =
        xyz.map(|part| if part > 216.0 / 24389.0 { part.cbrt() } else { (24389.0 / 27.0 * part + 16.0) / 116.0 });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the authors' table of test data.
    #[test]
    fn the_formula_gives_the_published_differences() {
        for (one, other, expected) in [
            ([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485], 2.0425),
            ([50.0, 0.0, 0.0], [50.0, -1.0, 2.0], 2.3669),
            ([50.0, 2.49, -0.001], [50.0, -2.49, 0.0011], 7.2195),
            ([50.0, 2.5, 0.0], [73.0, 25.0, -18.0], 27.1492),
            ([22.7233, 20.0904, -46.694], [23.0331, 14.973, -42.5619], 2.0373),
            ([2.0776, 0.0795, -1.135], [0.9033, -0.0636, -0.5514], 0.9082),
        ] {
            let real = difference(one, other);
            assert!((real - expected).abs() < 1e-4, "{real} is not {expected}");
        }
    }
}
