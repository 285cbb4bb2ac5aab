//! Hosts and ports, in the one form that all programs read alike.

use core::net::{Ipv4Addr, Ipv6Addr};

/// Parses `host` or `host:port`. The host is returned in lower case, an IPv6 address in brackets and in its
/// shortest form.
///
/// Hosts that programs rewrite, such as `127.1` or `%6c`, are errors.
pub(crate) fn host_and_port(text: &str) -> Result<(Box<str>, Option<u16>), String> {
    // `http` parses the grammar of hosts and ports.
    let authority: http::uri::Authority = text.parse().map_err(|_| "has an invalid host")?;
    let port = match text.strip_prefix(authority.host()) {
        Some("" | ":") => None,
        _ => Some(
            authority
                .port_u16()
                .ok_or("has an invalid port (expected 0 to 65535)")?,
        ),
    };
    let host = authority.host().to_ascii_lowercase();
    let v6 = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    if let Some(v6) = v6 {
        let address = v6.parse().map_err(|_| "has an invalid IPv6 address")?;
        return Ok((format!("[{}]", shortest(address)).into(), port));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if host.is_empty() || !host.chars().all(is_name) {
        return Err("has an invalid host".into());
    }
    if ends_in_a_number(&host) && host.parse::<Ipv4Addr>().is_err() {
        return Err("has an invalid IPv4 address (expected one such as 192.0.2.1)".into());
    }
    Ok((host.into(), port))
}

/// Returns whether programs read the host as an IPv4 address (WHATWG URL, "ends in a number").
fn ends_in_a_number(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_decimal = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    let is_hex = last
        .strip_prefix("0x")
        .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    is_decimal || is_hex
}

/// Writes an IPv6 address without dots (RFC 5952, section 5, allows them for mapped addresses; not all programs
/// write them).
fn shortest(address: Ipv6Addr) -> String {
    match address.to_ipv4_mapped() {
        Some(_) => {
            let [.., high, low] = address.segments();
            format!("::ffff:{high:x}:{low:x}")
        }
        None => address.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_one_form() {
        for (text, host, port) in [
            ("Example.COM", "example.com", None),
            ("example.com:", "example.com", None),
            ("example.com:080", "example.com", Some(80)),
            ("127.0.0.1:1", "127.0.0.1", Some(1)),
            ("[::0001]:9", "[::1]", Some(9)),
            ("[::ffff:127.0.0.1]", "[::ffff:7f00:1]", None),
            ("my_host-1.", "my_host-1.", None),
        ] {
            assert_eq!(host_and_port(text), Ok((host.into(), port)), "{text}");
        }
    }

    #[test]
    fn hosts_that_programs_read_differently_are_refused() {
        for text in [
            "",
            ":80",
            "127.1",
            "0x7f.1",
            "0x7f000001",
            "2130706433",
            "127.0.0.01",
            "1.2.3.4.5",
            "h%6f",
            "a b",
            "[::1",
            "[fe80::1%25eth0]",
            "h:99999",
            "h:x",
            "h:-1",
            "a,b",
            "ü",
        ] {
            assert!(host_and_port(text).is_err(), "{text:?}");
        }
    }
}
