//! The whole stack from outside: simulator, gateway and HTTP door on sockets of port 0, and the program itself.
//! Nothing sleeps and no time is measured; the guards only turn a test that would hang into one that fails.
#![cfg(feature = "app")]

#[path = "../tls/authority.rs"]
mod authority;
mod site;
mod stream;
mod wire;

mod access;
mod adjacent;
mod alarms;
mod bench;
mod contact_lists;
mod control;
mod ends;
mod errors;
mod external;
mod hostile;
mod https;
mod imports;
mod jtel;
mod keys;
mod links;
mod operate;
mod outbox;
mod outbox_store;
mod people;
mod port;
mod profiles;
mod program;
mod requests;
mod restarts;
mod sequences;
mod sight;
mod silence;
mod sim_faults;
mod streams;
mod tables;
mod tokens;
mod ucs;
