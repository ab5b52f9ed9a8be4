//! Chalice's `deployed/<stage>.json`.
