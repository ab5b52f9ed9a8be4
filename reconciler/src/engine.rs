//! Makes plans happen; owns time, concurrency, the journal and the way back. Knows no AWS.
