//! Messages, interrupts and connections shared by all commands.

use super::error::Fatal;
use super::exit::Exit;
use super::messages::Messages;
use super::progress::Progress;
use super::signal;
use iiif_publish::publish::Event;
use iiif_publish::store::{S3Settings, S3Store, StoreError};
use std::sync::Arc;

/// Runtime context of a command.
pub(super) struct Context {
    progress: Arc<Progress>,
}

impl Context {
    pub(super) fn new(messages: Messages) -> Self {
        Self { progress: Arc::new(Progress::new(messages)) }
    }

    /// Returns the reporter for messages and progress.
    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Returns a callback that reports a publisher's events.
    pub(super) fn on_event(&self) -> impl Fn(Event) + Send + Sync + use<> {
        let progress = Arc::clone(&self.progress);
        move |event| progress.event(&event)
    }

    /// Prints a note, except in quiet mode.
    pub(super) fn note(&self, text: &str) {
        self.progress.note(text);
    }

    /// Prints the error, if any, and returns the exit code.
    pub(super) fn exit(&self, result: Result<Exit, Fatal>) -> Exit {
        result.unwrap_or_else(|fatal| fatal.print(&self.progress))
    }

    /// Waits for a signal to stop the run, and returns its exit code.
    pub(super) async fn interrupted(&self) -> Exit {
        signal::interrupted().await
    }

    /// Runs a future to completion or until a signal arrives.
    pub(super) async fn until_interrupted(
        &self,
        run: impl Future<Output = Result<Exit, Fatal>>,
    ) -> Result<Exit, Fatal> {
        tokio::select! {
            result = run => result,
            exit = self.interrupted() => Ok(exit),
        }
    }

    /// Connects to a bucket and checks it, switching to the bucket's region if necessary.
    pub(super) async fn connect(&self, settings: S3Settings) -> Result<S3Store, StoreError> {
        let bucket = settings.bucket.clone();
        S3Store::connect_in_any_region(settings, |region| self.note_region(&bucket, region)).await
    }

    /// Notes that a bucket is in another region than configured, which is used from now on.
    pub(super) fn note_region(&self, bucket: &str, region: &str) {
        self.note(&format!("the bucket `{bucket}` is in {region}; using that region"));
    }
}
