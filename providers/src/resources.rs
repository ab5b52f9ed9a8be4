//! The types of resources: one file each, one line each.
