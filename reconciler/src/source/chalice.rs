//! An unchanged Chalice project as a source.
