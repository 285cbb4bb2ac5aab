//! A server that allows no two requests less than a twentieth of a second apart.

use crate::fetch::nginx;

#[test]
#[ignore = "full size; needs nginx"]
fn fetch_from_nginx_without_a_burst() {
    nginx("nginx, no burst", "");
}
