//! Where the HTTP door may listen: beyond loopback only with access rules, and encrypted or told not to be.

use std::net::SocketAddr;

use crate::service::Config;

/// Why the door does not listen there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("http address {addr}: beyond loopback {lacks}")]
pub struct Exposed {
    /// The address.
    pub addr: SocketAddr,
    /// What is not set.
    pub lacks: &'static str,
    /// What to do about it.
    pub hint: &'static str,
}

/// Says whether the door may listen at an address.
///
/// # Errors
/// [`Exposed`] names what has to be set first.
pub fn may_listen(config: &Config, addr: SocketAddr) -> Result<(), Exposed> {
    if addr.ip().is_loopback() {
        return Ok(());
    }
    if config.auth.is_none() {
        let lacks = "callers must say who they are, and auth.mode is none";
        let hint = "set [auth] mode = \"tokens\" and make a key with `commdn key create`, or listen on 127.0.0.1";
        return Err(Exposed { addr, lacks, hint });
    }
    if config.http.tls.is_none() && !config.http.insecure_plaintext {
        let lacks = "tokens would travel in plain text, and [http.tls] is not set";
        let hint = "set [http.tls] cert and key, or http.insecure_plaintext = true behind a proxy that encrypts";
        return Err(Exposed { addr, lacks, hint });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::ServerTls;

    #[test]
    fn the_matrix_of_address_auth_and_encryption() {
        for addr in
            ["127.0.0.1:0", "[::1]:80", "127.8.8.8:1", "0.0.0.0:0", "[::]:0", "192.0.2.7:80", "[2001:db8::1]:80"]
        {
            let addr: SocketAddr = addr.parse().unwrap();
            for auth in [false, true] {
                for tls in [false, true] {
                    for plaintext in [false, true] {
                        let mut config = Config::default();
                        config.auth.mode = if auth { "tokens" } else { "none" }.into();
                        config.http.tls = tls.then(ServerTls::default);
                        config.http.insecure_plaintext = plaintext;
                        let wanted = addr.ip().is_loopback() || (auth && (tls || plaintext));
                        assert_eq!(may_listen(&config, addr).is_ok(), wanted, "{addr} {auth} {tls} {plaintext}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_word_that_is_no_mode_does_not_open_the_door() {
        let mut config = Config::default();
        config.http.insecure_plaintext = true;
        config.auth.mode = "None".into();
        assert!(!config.auth.is_none(), "an unknown mode asks for tokens");
    }
}
