//! A Chalice project as a source of wishes.

pub mod package;
