//! The surroundings of a run: messages, interrupts and connections.

use super::error::Fatal;
use super::exit::Exit;
use super::messages::Messages;
use super::progress::Progress;
use super::signal;
use iiif_publish::publish::Event;
use iiif_publish::store::{S3Settings, S3Store, StoreError};
use std::sync::Arc;

/// The surroundings of one run of a verb.
pub(super) struct Context {
    progress: Arc<Progress>,
}

impl Context {
    pub(super) fn new(messages: Messages) -> Self {
        Self { progress: Arc::new(Progress::new(messages)) }
    }

    /// Returns the reporter of messages and progress.
    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Returns a function that reports the events of a publisher.
    pub(super) fn on_event(&self) -> impl Fn(Event) + Send + Sync + use<> {
        let progress = Arc::clone(&self.progress);
        move |event| progress.event(&event)
    }

    /// Prints a note, unless quiet.
    pub(super) fn note(&self, text: &str) {
        self.progress.note(text);
    }

    /// Prints the error of a run, and returns the exit code.
    pub(super) fn exit(&self, result: Result<Exit, Fatal>) -> Exit {
        result.unwrap_or_else(|fatal| fatal.print(&self.progress))
    }

    /// Waits for a signal that stops the run, and returns its exit code.
    pub(super) async fn interrupted(&self) -> Exit {
        signal::interrupted().await
    }

    /// Runs until the end or a signal.
    pub(super) async fn until_interrupted(
        &self,
        run: impl Future<Output = Result<Exit, Fatal>>,
    ) -> Result<Exit, Fatal> {
        tokio::select! {
            result = run => result,
            exit = self.interrupted() => Ok(exit),
        }
    }

    /// Connects to a bucket in any region, and checks it.
    pub(super) async fn connect(&self, settings: S3Settings) -> Result<S3Store, StoreError> {
        let bucket = settings.bucket.clone();
        let on_region = |region: &str| self.note(&format!("the bucket `{bucket}` is in {region}; using that region"));
        S3Store::connect_in_any_region(settings, on_region).await
    }
}
