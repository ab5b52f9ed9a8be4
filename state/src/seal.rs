//! Seals what a way back needs (filled in by `Sealer`).
