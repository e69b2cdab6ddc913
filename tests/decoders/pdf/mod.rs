//! PDF, compared with the drawn pixels, and hostile files.

mod hostile;
mod poppler;
mod rendered;
mod scans;
mod structure;
