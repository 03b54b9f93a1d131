//! Which addresses are the public internet's: what somebody else's answer leads to must be one of
//! them, since the operator's own network answers to whoever stands inside it.

use std::net::IpAddr;

/// The address that a host is, where it is one and not a name; a resolver never sees it. `url` has
/// made one form of all its spellings before: `0x7f.1` is 127.0.0.1 here.
pub(super) fn literal(url: &url::Url) -> Option<IpAddr> {
    match url.host()? {
        url::Host::Ipv4(ip) => Some(IpAddr::V4(ip)),
        url::Host::Ipv6(ip) => Some(IpAddr::V6(ip)),
        url::Host::Domain(_) => None,
    }
}

/// Whether an address is one that the public internet routes.
pub(super) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_broadcast()
                || ip.is_documentation()
                || ip.is_multicast()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && (b == 18 || b == 19))
                || (a == 192 && b == 0 && c == 0))
        }
        IpAddr::V6(ip) => {
            let s = ip.segments();
            if let Some(v4) = ip.to_ipv4_mapped() {
                return is_public(IpAddr::V4(v4));
            }
            // NAT64 and 6to4 carry an IPv4 address inside.
            let inner = |hi: u16, lo: u16| {
                let ([a, b], [c, d]) = (hi.to_be_bytes(), lo.to_be_bytes());
                is_public(IpAddr::from([a, b, c, d]))
            };
            match s[0] {
                0x2002 => inner(s[1], s[2]),
                0x64 if s[1] == 0xff9b => inner(s[6], s[7]),
                // Only 2000::/3 is routed; of it, documentation and Teredo are not for us.
                first => {
                    (0x2000..0x4000).contains(&first)
                        && !(first == 0x2001 && (s[1] == 0xdb8 || s[1] == 0))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_cannot_lead_into_the_operators_network() {
        for private in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "::1",
            "fe80::1",
            "fc00::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "ff02::1",
            "::",
        ] {
            assert!(!is_public(private.parse().expect("an address")), "{private}");
        }
        for public in ["93.184.216.34", "1.1.1.1", "2606:2800:220:1::1", "64:ff9b::101:101"] {
            assert!(is_public(public.parse().expect("an address")), "{public}");
        }
    }

    /// Every spelling of an address is that address.
    #[test]
    fn an_address_is_known_however_it_is_written() {
        for host in
            ["127.0.0.1", "0x7f.1", "2130706433", "0177.0.0.1", "127.1", "[::ffff:127.0.0.1]"]
        {
            let url = url::Url::parse(&format!("http://{host}/")).expect(host);
            let ip = literal(&url).expect(host);
            assert!(!is_public(ip), "{host} is {ip}");
        }
        assert_eq!(literal(&url::Url::parse("http://localhost/").expect("a url")), None);
    }
}
