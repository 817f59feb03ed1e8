package dimse

import (
	"crypto/tls"
	"net/netip"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/dicom/dimse/pdu"
	"github.com/cineloop/cineloop/internal/fault"
)

// Peer is an application entity that this one knows.
type Peer struct {
	AETitle string
	Address string         // host:port where it listens; "" if nothing is ever sent to it
	Hosts   []netip.Prefix // where it may call from; empty: anywhere
	TLS     *tls.Config    // to call it; nil: not encrypted
}

// ParsePeer reads AET@host:port, the form in which commands name peers.
func ParsePeer(s string) (Peer, error) {
	ae, addr, ok := strings.Cut(s, "@")
	if !ok || !strings.Contains(addr, ":") {
		return Peer{}, fault.New(fault.Usage, "%q is no peer", s).WithHint("write AETITLE@host:port")
	}
	if err := pdu.CheckAE(ae); err != nil {
		return Peer{}, err
	}
	return Peer{AETitle: ae, Address: addr}, nil
}

// ParseAllowed reads AET or AET@network, who may call: the network is an address or a prefix, as 10.1.0.0/16.
func ParseAllowed(s string) (Peer, error) {
	ae, from, limited := strings.Cut(s, "@")
	if err := pdu.CheckAE(ae); err != nil {
		return Peer{}, err
	}
	p := Peer{AETitle: ae}
	if !limited {
		return p, nil
	}
	prefix, err := netip.ParsePrefix(from)
	if err != nil {
		addr, aerr := netip.ParseAddr(from)
		if aerr != nil {
			return p, fault.New(fault.Usage, "%q is neither an address nor a network", from).WithHint("write AETITLE@10.1.2.3 or AETITLE@10.1.0.0/16")
		}
		prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	p.Hosts = []netip.Prefix{prefix}
	return p, nil
}

// admits reports whether a call from addr can be the peer's.
func (p *Peer) admits(addr netip.Addr) bool {
	return len(p.Hosts) == 0 || slices.ContainsFunc(p.Hosts, func(n netip.Prefix) bool { return n.Contains(addr.Unmap()) })
}
