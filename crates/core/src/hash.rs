//! The hash of the workspace: FNV-1a, which is the same on every machine and in every version.
//!
//! The standard library's hashes differ from version to version, so they can't be stored or compared between
//! processes. FNV-1a tells values apart. It does not resist an attacker who looks for collisions: never use it where
//! a collision would harm anyone but the caller who made it.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// FNV-1a with 64 bits, fed piece by piece. Shown and parsed as 16 hexadecimal digits.
///
/// ```
/// use api_ratelimiter_core::hash::Fnv64;
///
/// let mut hash = Fnv64::new();
/// hash.add(b"foo");
/// hash.add(b"bar");
/// assert_eq!(hash, Fnv64::of(b"foobar"));
/// assert_eq!(hash.to_string(), "85944171f73967e8");
/// assert_eq!("85944171f73967e8".parse(), Ok(hash));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub struct Fnv64(u64);

/// Start value and multiplier of the 64-bit variant, from the algorithm's definition.
const BASIS_64: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME_64: u64 = 0x0000_0100_0000_01b3;

/// Start value and multiplier of the 128-bit variant, from the algorithm's definition.
const BASIS_128: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME_128: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

impl Fnv64 {
    /// Returns the hash of no bytes, ready to be fed.
    pub const fn new() -> Self {
        Self(BASIS_64)
    }

    /// Returns the hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hash = Self::new();
        hash.add(bytes);
        hash
    }

    /// Feeds `bytes`. Feeding `ab` equals feeding `a` and then `b`.
    pub fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(PRIME_64);
        }
    }

    /// Returns the hash of all bytes fed so far, as a number.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}

impl Default for Fnv64 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Fnv64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Fnv64 {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// Returns the FNV-1a hash of `bytes` with 128 bits, for names that must not collide by accident.
#[must_use]
pub fn fnv128(bytes: &[u8]) -> u128 {
    bytes.iter().fold(BASIS_128, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(PRIME_128)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_equal_the_published_test_vectors() {
        // Test vectors of draft-eastlake-fnv.
        let of_64 = |bytes| Fnv64::of(bytes).value();
        assert_eq!(of_64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(of_64(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(of_64(b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(fnv128(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(fnv128(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        assert_eq!(fnv128(b"foobar"), 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
    }

    #[test]
    fn pieces_hash_as_the_whole_does() {
        let mut hash = Fnv64::default();
        hash.add(b"foo");
        hash.add(b"");
        hash.add(b"bar");
        assert_eq!(hash, Fnv64::of(b"foobar"));
    }

    #[test]
    fn text_leads_back_to_the_hash() {
        let hash = Fnv64::of(b"foobar");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert!("xyz".parse::<Fnv64>().is_err());
    }
}
