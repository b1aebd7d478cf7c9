//! Addresses that carry their own permission: HMAC-SHA256 (RFC 2104) over what they allow, under a key that lives as long
//! as the process.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Why an address is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// We did not sign it, or there is no key.
    #[error("the address is not one of ours")]
    NotOurs,
    /// Its time is over.
    #[error("the address has expired")]
    Expired,
}

/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;

/// Signs and checks. Its key is in no text of it.
pub struct Signer([u8; BLOCK]);

impl std::fmt::Debug for Signer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Signer")
    }
}

impl Signer {
    /// With a new random key.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn new() -> Result<Self, getrandom::Error> {
        let mut key = [0; BLOCK];
        getrandom::fill(&mut key)?;
        Ok(Self(key))
    }

    fn mac(&self, text: &str) -> [u8; 32] {
        let pad = |with: u8| self.0.map(|byte| byte ^ with);
        let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text.as_bytes()).finalize();
        Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
    }

    /// The signature of a text, in hex.
    #[must_use]
    pub fn sign(&self, text: &str) -> String {
        crate::store::hex(&self.mac(text))
    }

    /// The query of an address that allows `what` until then; milliseconds since 1970 UTC.
    #[must_use]
    pub fn query(&self, what: &str, expires: i64) -> String {
        format!("expires={expires}&signature={}", self.sign(&format!("{what} {expires}")))
    }

    /// Whether the words of such a query allow `what` now.
    ///
    /// # Errors
    /// [`Denied`]
    pub fn admit(&self, what: &str, expires: &str, signature: &str, now_ms: i64) -> Result<(), Denied> {
        let at: i64 = expires.parse().map_err(|_| Denied::NotOurs)?;
        match self.is_signed(&format!("{what} {at}"), signature) {
            false => Err(Denied::NotOurs),
            true if at <= now_ms => Err(Denied::Expired),
            true => Ok(()),
        }
    }

    /// Whether a signature is that of a text; takes as long for every signature.
    #[must_use]
    pub fn is_signed(&self, text: &str, signature: &str) -> bool {
        self.sign(text).as_bytes().ct_eq(signature.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key of at most a block, as RFC 4231 uses it.
    fn with_key(key: &[u8]) -> Signer {
        let mut block = [0; BLOCK];
        block[..key.len()].copy_from_slice(key);
        Signer(block)
    }

    #[test]
    fn signatures_are_those_of_rfc_4231() {
        let one = with_key(&[0x0b; 20]).sign("Hi There");
        assert_eq!(one, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        let two = with_key(b"Jefe").sign("what do ya want for nothing?");
        assert_eq!(two, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn an_address_counts_for_what_it_says_until_it_says() {
        let signer = Signer::new().unwrap();
        let query = signer.query("upload 7", 1_000);
        let (expires, signature) =
            query.strip_prefix("expires=").and_then(|rest| rest.split_once("&signature=")).unwrap();
        assert_eq!(signer.admit("upload 7", expires, signature, 999), Ok(()));
        assert_eq!(signer.admit("upload 7", expires, signature, 1_000), Err(Denied::Expired));
        for (what, until) in [("upload 8", "1000"), ("upload 7", "1001"), ("upload 7", ""), ("upload 7", "x")] {
            assert_eq!(signer.admit(what, until, signature, 0), Err(Denied::NotOurs), "{what} {until}");
        }
    }

    #[test]
    fn only_the_same_text_under_the_same_key_is_signed() {
        let (ours, other) = (Signer::new().unwrap(), Signer::new().unwrap());
        let signature = ours.sign("a");
        assert!(ours.is_signed("a", &signature));
        assert!(!ours.is_signed("b", &signature) && !other.is_signed("a", &signature));
        assert!(!ours.is_signed("a", "") && !ours.is_signed("a", &signature.to_uppercase()));
        assert_eq!(format!("{ours:?}"), "Signer");
    }
}
