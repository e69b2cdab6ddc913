//! Puts every file of a folder into a bucket, by the client of the program and nothing else of it. `puts.py` runs it in
//! turn with `s5cmd`.

use iiif_publish::destination::{Identifier, ImageFolder};
use iiif_publish::store::{Object, Prefix, Receipt, S3Settings, S3Store, Store, StoreError};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::{JoinError, JoinSet};

/// As many as the program has in flight by itself.
const IN_FLIGHT: usize = 64;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    // Cargo adds `--bench`.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let [files, bucket, identifier, endpoint_url] = arguments.as_slice() else {
        println!("usage: puts FILES BUCKET IDENTIFIER ENDPOINT-URL (tests/bench/puts.py does all that)");
        return Ok(());
    };
    let began = Instant::now();
    let (bucket, endpoint_url) = (bucket.clone(), Some(endpoint_url.clone()));
    let mut settings = S3Settings::new(bucket);
    settings.endpoint_url = endpoint_url;
    let store = S3Store::connect(settings).await?;
    let folder = ImageFolder::new(&Prefix::default(), None, &identifier.parse::<Identifier>()?)?;
    let count = put_all(&Arc::new(store), &folder, files_in(Path::new(files))?).await?;
    let rate = f64::from(count) / began.elapsed().as_secs_f64();
    println!("{count} puts, {rate:.0} puts/s, {:.3} s of the processor", processor().as_secs_f64());
    Ok(())
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    Ok(fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_, std::io::Error>>()?)
}

/// Each file is read when its turn comes, as it would be from a pipeline.
async fn put_all(store: &Arc<S3Store>, folder: &ImageFolder, files: Vec<PathBuf>) -> Result<u32, Failure> {
    let (mut puts, mut count) = (JoinSet::new(), 0);
    for file in files {
        if puts.len() >= IN_FLIGHT {
            count += finished(puts.join_next().await)?;
        }
        let (store, object) = (Arc::clone(store), object(folder, &file)?);
        puts.spawn(async move { store.put(object).await });
    }
    while let Some(put) = puts.join_next().await {
        count += finished(Some(put))?;
    }
    Ok(count)
}

fn finished(put: Option<Result<Result<Receipt, StoreError>, JoinError>>) -> Result<u32, Failure> {
    put.map_or(Ok(0), |put| put?.map(|_| 1).map_err(Into::into))
}

fn object(folder: &ImageFolder, file: &Path) -> Result<Object, Failure> {
    let name = file.file_name().and_then(|name| name.to_str()).ok_or("a file has no name in UTF-8")?;
    Ok(Object {
        key: folder.key(&name),
        body: fs::read(file)?.into(),
        content_encoding: None,
        content_type: "image/jpeg",
        cache_control: "public, max-age=86400".into(),
        mark: None,
    })
}

/// Returns the CPU time of all threads of this process so far; `None` on systems other than Linux.
fn processor() -> Duration {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let used = threads.filter_map(|thread| {
        let used = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        used.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(used.sum())
}
