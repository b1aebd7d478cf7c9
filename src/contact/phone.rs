//! Phones: one spelling for every way to write one (specification 1.1), the text that was given beside it.

use std::fmt;

/// A phone that could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// With `+`.
    pub e164: String,
    /// Digits behind `x`.
    pub extension: Option<String>,
}

/// The library of numbering plans, behind a trait of our own.
pub trait PhoneLibrary: fmt::Debug + Send + Sync {
    /// A phone, which is national when it has no `+`; `country` is ISO 3166 or empty. `None` = it cannot be read.
    fn read(&self, given: &str, country: &str) -> Option<Read>;
    /// Whether a country exists.
    fn knows_country(&self, country: &str) -> bool;
}

/// How phones are read.
#[derive(Clone, Copy, Debug)]
pub struct PhoneReader<'a> {
    /// Reads what is no plain E.164.
    pub library: &'a dyn PhoneLibrary,
    /// ISO 3166; empty = national numbers cannot be read.
    pub default_country: &'a str,
    /// Digits without plus are E.164 (jtel).
    pub plusless: bool,
}

impl PhoneReader<'_> {
    /// Reads one; `country` is that of the row, empty = the default.
    #[must_use]
    pub fn read(&self, _given: &str, _country: &str) -> Option<Read> {
        todo!()
    }
}
