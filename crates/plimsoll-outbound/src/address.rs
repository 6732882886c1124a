//! Which addresses may be spoken to: the classes of the IANA special-purpose registries
//! (RFC 6890 and its successors), and networks that an operator allows.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// What kind of address one is. Only [`Self::Global`] may be spoken to without leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressClass {
    /// A unicast address of the Internet.
    Global,
    /// The own machine.
    Loopback,
    /// A private network (RFC 1918) or a unique local address (RFC 4193, fec0::/10).
    Private,
    /// Link-local (RFC 3927, RFC 4291): where clouds answer with credentials.
    LinkLocal,
    /// Shared by customers of a carrier (RFC 6598).
    Shared,
    /// Multicast or broadcast.
    Multicast,
    /// "This host", "this network".
    Unspecified,
    /// Set aside for documentation, benchmarks, protocols, translation, or the future.
    Reserved,
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Global => "global",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Shared => "carrier-shared",
            Self::Multicast => "multicast",
            Self::Unspecified => "unspecified",
            Self::Reserved => "reserved",
        })
    }
}

impl AddressClass {
    /// The class of an address. An address of version 6 that carries one of version 4 (mapped,
    /// or translated by the well-known prefix 64:ff9b::/96) has the class of that one.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => of_v4(v4),
            IpAddr::V6(v6) => of_v6(v6),
        }
    }
}

fn of_v4(address: Ipv4Addr) -> AddressClass {
    match address.octets() {
        [0, ..] => AddressClass::Unspecified,
        [127, ..] => AddressClass::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => AddressClass::Private,
        [169, 254, ..] => AddressClass::LinkLocal,
        [100, 64..=127, ..] => AddressClass::Shared,
        [224..=239, ..] | [255, 255, 255, 255] => AddressClass::Multicast,
        // Protocol assignments, documentation, 6to4 relays, benchmarks, class E.
        [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18..=19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [240..=255, ..] => AddressClass::Reserved,
        _ => AddressClass::Global,
    }
}

fn of_v6(address: Ipv6Addr) -> AddressClass {
    let segments = address.segments();
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressClass::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressClass::Loopback,
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            of_v4(Ipv4Addr::new(a, b, c, d))
        }
        [0xff00..=0xffff, ..] => AddressClass::Multicast,
        [0xfe80..=0xfebf, ..] => AddressClass::LinkLocal,
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => AddressClass::Private,
        // Protocol assignments (Teredo among them), documentation, 6to4: each may carry or
        // stand for an address of version 4 that nobody checks.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => {
            AddressClass::Reserved
        }
        [0x2000..=0x3fff, ..] => AddressClass::Global,
        _ => AddressClass::Reserved,
    }
}

/// The text is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an address or a network like `10.1.0.0/16` or `fd00::/8`")]
pub struct NetworkError(());

/// A range of addresses: `10.1.0.0/16`, `::1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

impl Network {
    /// The own machine: `127.0.0.0/8` and `::1`.
    pub const LOOPBACK: [Self; 2] = [
        Self { base: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), prefix: 8 },
        Self { base: IpAddr::V6(Ipv6Addr::LOCALHOST), prefix: 128 },
    ];

    /// Whether `address` is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(other)) => {
                let shift = 32 - u32::from(self.prefix);
                (base.to_bits() ^ other.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(base), IpAddr::V6(other)) => {
                let shift = 128 - u32::from(self.prefix);
                (base.to_bits() ^ other.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (base, prefix) = match text.split_once('/') {
            Some((base, prefix)) => (base, Some(prefix)),
            None => (text, None),
        };
        let base: IpAddr = base.parse().map_err(|_| NetworkError(()))?;
        let bits = if base.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => bits,
            Some(text) if text.bytes().all(|b| b.is_ascii_digit()) => {
                text.parse().ok().filter(|&n: &u8| n <= bits).ok_or(NetworkError(()))?
            }
            Some(_) => return Err(NetworkError(())),
        };
        Ok(Self { base, prefix })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AddressClass::{
        Global, LinkLocal, Loopback, Multicast, Private, Reserved, Shared, Unspecified,
    };

    /// First and last address of every block of the registries, and its neighbours.
    const TABLE: &[(&str, AddressClass)] = &[
        ("0.0.0.0", Unspecified),
        ("0.255.255.255", Unspecified),
        ("1.0.0.0", Global),
        ("1.1.1.1", Global),
        ("9.255.255.255", Global),
        ("10.0.0.0", Private),
        ("10.255.255.255", Private),
        ("11.0.0.0", Global),
        ("100.63.255.255", Global),
        ("100.64.0.0", Shared),
        ("100.127.255.255", Shared),
        ("100.128.0.0", Global),
        ("126.255.255.255", Global),
        ("127.0.0.1", Loopback),
        ("127.255.255.255", Loopback),
        ("128.0.0.0", Global),
        ("169.253.255.255", Global),
        ("169.254.0.0", LinkLocal),
        ("169.254.169.254", LinkLocal),
        ("169.254.170.2", LinkLocal),
        ("169.255.0.0", Global),
        ("172.15.255.255", Global),
        ("172.16.0.0", Private),
        ("172.31.255.255", Private),
        ("172.32.0.0", Global),
        ("192.0.0.0", Reserved),
        ("192.0.0.192", Reserved),
        ("192.0.1.0", Global),
        ("192.0.2.255", Reserved),
        ("192.88.99.1", Reserved),
        ("192.167.255.255", Global),
        ("192.168.0.0", Private),
        ("192.168.255.255", Private),
        ("192.169.0.0", Global),
        ("198.17.255.255", Global),
        ("198.18.0.0", Reserved),
        ("198.19.255.255", Reserved),
        ("198.20.0.0", Global),
        ("198.51.100.7", Reserved),
        ("203.0.113.7", Reserved),
        ("223.255.255.255", Global),
        ("224.0.0.1", Multicast),
        ("239.255.255.255", Multicast),
        ("240.0.0.1", Reserved),
        ("255.255.255.254", Reserved),
        ("255.255.255.255", Multicast),
        ("::", Unspecified),
        ("::1", Loopback),
        ("::2", Reserved),
        ("::127.0.0.1", Reserved),
        ("::ffff:127.0.0.1", Loopback),
        ("::ffff:10.0.0.1", Private),
        ("::ffff:169.254.169.254", LinkLocal),
        ("::ffff:8.8.8.8", Global),
        ("64:ff9b::8.8.8.8", Global),
        ("64:ff9b::169.254.169.254", LinkLocal),
        ("64:ff9b::10.0.0.1", Private),
        ("64:ff9b:1::1", Reserved),
        ("100::1", Reserved),
        ("1fff:ffff::1", Reserved),
        ("2001::1", Reserved),
        ("2001:1ff::1", Reserved),
        ("2001:200::1", Global),
        ("2001:db8::1", Reserved),
        ("2001:4860:4860::8888", Global),
        ("2002:7f00:1::", Reserved),
        ("2606:4700:4700::1111", Global),
        ("3fff:fff::1", Reserved),
        ("3fff:1000::1", Global),
        ("4000::1", Reserved),
        ("5f00::1", Reserved),
        ("fbff::1", Reserved),
        ("fc00::1", Private),
        ("fd00:ec2::254", Private),
        ("fdff:ffff::1", Private),
        ("fe00::1", Reserved),
        ("fe80::1", LinkLocal),
        ("febf::1", LinkLocal),
        ("fec0::1", Private),
        ("ff02::1", Multicast),
    ];

    #[test]
    fn every_class_at_its_edges() {
        for (text, class) in TABLE {
            assert_eq!(AddressClass::of(text.parse().expect(text)), *class, "{text}");
        }
    }

    #[test]
    fn networks_are_read_and_contain() {
        let network = |text: &str| text.parse::<Network>();
        for bad in ["", "10", "10.0.0.0/33", "::1/129", "10.0.0.0/-1", "10.0.0.0/+8", "a/8"] {
            assert!(network(bad).is_err(), "{bad}");
        }
        let contains = |net: &str, ip: &str| {
            network(net).expect(net).contains(ip.parse().expect("an address"))
        };
        assert!(contains("10.1.0.0/16", "10.1.255.255"));
        assert!(!contains("10.1.0.0/16", "10.2.0.0"));
        assert!(contains("0.0.0.0/0", "255.1.2.3"));
        assert!(!contains("0.0.0.0/0", "::1"));
        assert!(contains("127.0.0.1", "::ffff:127.0.0.1"));
        assert!(contains("::/0", "fe80::1"));
        assert!(contains("fd00::/8", "fdab::1"));
        assert!(!contains("fd00::/8", "fc00::1"));
        assert_eq!(network("::1").expect("read").to_string(), "::1/128");
    }
}
