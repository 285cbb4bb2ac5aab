//! Random numbers of the operating system, for everything that must be unique.
//!
//! A generator in the process's memory is not enough: the application may seed it, a fork copies its state,
//! and machines that boot alike may seed it alike.

use std::io;

/// Returns 64 random bits.
///
/// # Errors
///
/// The operating system has no random numbers: none are there yet, or a sandbox forbids the call.
pub(crate) fn u64() -> io::Result<u64> {
    bytes().map(u64::from_ne_bytes)
}

/// Returns 128 random bits.
///
/// # Errors
///
/// As for [`u64`].
pub(crate) fn u128() -> io::Result<u128> {
    bytes().map(u128::from_ne_bytes)
}

fn bytes<const COUNT: usize>() -> io::Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    getrandom::getrandom(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_seed_of_the_application_repeats_no_number() {
        let draw = || {
            fastrand::seed(42);
            (super::u64().expect("drawn"), super::u128().expect("drawn"))
        };
        let (first, second) = (draw(), draw());
        assert_ne!(first.0, second.0);
        assert_ne!(first.1, second.1);
    }
}
