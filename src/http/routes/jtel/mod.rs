//! D: dialler contacts of jtel. The addresses stand below `jtel.base/{ClientsID}`.

mod contacts;
mod words;

pub(super) use contacts::routes;
