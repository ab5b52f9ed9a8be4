//! A make-believe cloud.
