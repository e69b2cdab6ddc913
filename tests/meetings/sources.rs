//! The pictures that are published, as files and as folders for `ingest`.

use super::random::Random;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A picture. All of them have other sizes, so that each has objects that no other one has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Picture {
    A,
    B,
    C,
    D,
    /// A small one, which is published beside the image of a meeting.
    Neighbor,
}

impl Picture {
    /// Those that runs publish as the image of a meeting.
    pub const MEETING: [Self; 4] = [Self::A, Self::B, Self::C, Self::D];

    fn size(self) -> (usize, usize) {
        match self {
            Self::A => (400, 330),
            Self::B => (430, 300),
            Self::C => (330, 420),
            Self::D => (460, 310),
            Self::Neighbor => (100, 80),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
            Self::C => "c",
            Self::D => "d",
            Self::Neighbor => "neighbor",
        }
    }

    /// Noise, but for a corner that is white in all of them: these tiles are equal.
    fn ppm(self) -> Vec<u8> {
        let (width, height) = self.size();
        let mut random = Random::new(self as u64, 0);
        let mut bytes = format!("P6 {width} {height} 255\n").into_bytes();
        for y in 0..height {
            for x in 0..width {
                let [red, green, blue, ..] = random.next().to_le_bytes();
                bytes.extend(if x < 64 && y < 128 { [255; 3] } else { [red, green, blue] });
            }
        }
        bytes
    }
}

/// Pictures as files that keep their times, which are part of fingerprints.
pub struct Sources(TempDir);

impl Sources {
    pub fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let sources = Self(folder);
        for picture in [Picture::Neighbor].into_iter().chain(Picture::MEETING) {
            fs::write(sources.file(picture), picture.ppm()).expect("written");
        }
        for picture in Picture::MEETING {
            let input = sources.input(Some(picture));
            fs::create_dir(&input).expect("created");
            fs::hard_link(sources.file(picture), input.join("image.ppm")).expect("linked");
            fs::hard_link(sources.file(Picture::Neighbor), input.join("neighbor.ppm")).expect("linked");
        }
        fs::create_dir(sources.input(None)).expect("created");
        fs::hard_link(sources.file(Picture::Neighbor), sources.input(None).join("neighbor.ppm")).expect("linked");
        sources
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    pub fn file(&self, picture: Picture) -> PathBuf {
        self.folder().join(format!("{}.ppm", picture.name()))
    }

    /// Returns a folder with the neighbor and, if there is one, the image of a meeting.
    pub fn input(&self, picture: Option<Picture>) -> PathBuf {
        self.folder().join(picture.map_or("without", Picture::name))
    }
}
