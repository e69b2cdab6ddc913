//! Compares PDF pages to the expected pixels, and tests malicious files.

mod hostile;
mod poppler;
mod rendered;
mod scans;
mod structure;
